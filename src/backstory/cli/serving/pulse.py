"""The sign of life that a worker gives its supervisor, in memory that they share.

It comes from the event loop, so that a worker whose loop stands still is seen, and it is
written, not sent: nothing fills up where the supervisor itself stands still.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable

from backstory import limits


class Pulse:
    """When a worker began to take requests, and when its event loop last came round.

    Both in seconds of the monotonic clock, which all processes of a machine share; 0 is never.
    """

    def __init__(self) -> None:
        self._times = multiprocessing.get_context("spawn").RawArray("d", 2)

    @property
    def ready_at(self) -> float:
        return float(self._times[0])

    @property
    def beat_at(self) -> float:
        return float(self._times[1])

    def begin(self) -> None:
        """Requests are taken from now on. To be called in the event loop, which goes on beating."""
        self._times[0] = time.monotonic()
        every(limits.WORKER_BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        self._times[1] = time.monotonic()


def every(seconds: float, act: Callable[[], None]) -> None:
    """Do something now and again and again, for as long as the running event loop does."""
    loop = asyncio.get_running_loop()

    def come_round() -> None:
        act()
        loop.call_later(seconds, come_round)

    come_round()
