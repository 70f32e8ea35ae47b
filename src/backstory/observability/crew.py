"""What a supervisor tells its workers of themselves, in memory that they share.

The supervisor alone writes, whoever serves reads: it has no port of its own, and the worker
that is asked for metrics or health answers for all of them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Final, Literal, get_args

from backstory.errors import WorkersFailingError
from backstory.observability import catalogue
from backstory.observability.catalogue import Metric

Reason = Literal["died", "silent", "start", "memory", "asked"]
"""Why a worker was replaced: it ended, it gave no sign of life, it never took requests, it had
more memory than it may, an operator wanted it.
"""

REASONS: Final[tuple[Reason, ...]] = get_args(Reason)

_WAITING: Final = len(REASONS)
_WANTED: Final = len(REASONS) + 1


class Crew:
    """How many workers were replaced, and how many are missing. To be handed to new processes."""

    def __init__(self, wanted: int = 1) -> None:
        self._numbers = multiprocessing.get_context("spawn").RawArray("q", len(REASONS) + 2)
        self.wanted = wanted

    def replaced(self, reason: Reason) -> None:
        """One more was, for this reason."""
        self._numbers[REASONS.index(reason)] += 1

    @property
    def waiting(self) -> int:
        """Workers that are missing, since those in their places died again and again."""
        return int(self._numbers[_WAITING])

    @waiting.setter
    def waiting(self, count: int) -> None:
        self._numbers[_WAITING] = count

    @property
    def wanted(self) -> int:
        """Workers that there should be."""
        return int(self._numbers[_WANTED])

    @wanted.setter
    def wanted(self, count: int) -> None:
        self._numbers[_WANTED] = count

    def told(self) -> Iterator[tuple[Metric, tuple[str, ...], float]]:
        """All of it, as metrics."""
        for place, reason in enumerate(REASONS):
            yield catalogue.WORKERS_REPLACED, (reason,), self._numbers[place]
        yield catalogue.WORKERS_WAITING, (), self.waiting
        yield catalogue.WORKERS_WANTED, (), self.wanted

    async def check(self) -> None:
        """See whether anybody is missing.

        Raises:
            WorkersFailingError: workers die again and again.
        """
        if count := self.waiting:
            raise WorkersFailingError(
                f"{count} of the workers died again and again and will be started later; "
                "the log says why"
            )
