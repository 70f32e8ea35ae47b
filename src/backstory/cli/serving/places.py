"""Where one worker of a supervisor should be, and when the next is put there.

A worker that dies after a long life is replaced at once. Those that die young, one after the
other, are replaced later and later: whatever kills them would otherwise have the machine.
"""

from __future__ import annotations

import math

from backstory import limits
from backstory.cli.serving.worker import Worker


class Pause:
    """How long to wait before the same is done again: not at all, then twice as long each time.

    `life` seconds without it, and all is forgotten.
    """

    def __init__(self, first: float, most: float, life: float) -> None:
        self._first, self._most, self._life = first, most, life
        self.times = 0
        self._last = -math.inf

    def next(self, now: float) -> float:
        """It happens now; seconds until it may be done again, 0 for the first time."""
        if now - self._last > self._life:
            self.times = 0
        self._last = now
        self.times += 1
        if self.times == 1:
            return 0.0
        # No power that overflows: the largest is reached long before.
        return min(self._most, self._first * 2.0 ** min(self.times - 2, 32))


class Place:
    """One of the workers that there should be. Times are seconds of the monotonic clock."""

    def __init__(self, worker: Worker) -> None:
        self.worker: Worker | None = worker
        self.successor: Worker | None = None
        """Who takes the worker's place as soon as requests are taken there."""
        self.due = 0.0
        """Until then no worker is put into an empty place."""
        self.deaths = Pause(
            limits.WORKER_PAUSE_SECONDS,
            limits.WORKER_PAUSE_MOST_SECONDS,
            limits.WORKER_PAUSE_MOST_SECONDS + limits.WORKER_LIFE_SECONDS,
        )
        self._growth = Pause(
            limits.WORKER_GROWTH_SECONDS,
            limits.WORKER_GROWTH_MOST_SECONDS,
            limits.WORKER_GROWTH_MOST_SECONDS + limits.WORKER_LIFE_SECONDS,
        )
        self._large_at = 0.0

    @property
    def workers(self) -> tuple[Worker, ...]:
        return tuple(one for one in (self.worker, self.successor) if one is not None)

    def waits(self, now: float) -> bool:
        """Whether nobody is here, and nobody may come yet."""
        return not self.workers and now < self.due

    def is_large(self, now: float, most_bytes: int) -> int | None:
        """The bytes of a worker that has more than it may, if it may be replaced for that."""
        ready = None if self.worker is None else self.worker.ready_at
        if self.worker is None or ready is None or now < self._large_at:
            return None
        if now - ready < limits.WORKER_GROWTH_SECONDS:  # let it open what it needs
            return None
        size = self.worker.memory()
        return None if size is None or size <= most_bytes else size

    def recycled(self, now: float) -> float:
        """Its worker is being replaced for its size; seconds until that may happen again."""
        pause = self._growth.next(now)
        self._large_at = now + pause
        return pause
