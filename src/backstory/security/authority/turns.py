"""Work that leaves the event loop, a bounded amount at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

from backstory.errors import BusyError

T = TypeVar("T")


class Turns:
    """`most` calls run on threads at a time; `waiting` more wait, others are sent away."""

    def __init__(self, most: int, waiting: int) -> None:
        self._turns = anyio.CapacityLimiter(most)
        self._bound = most + waiting
        self._under_way = 0

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns.

        Raises:
            BusyError: too many wait already.
        """
        if self._under_way >= self._bound:
            raise BusyError("too many are signing in; try again soon", retry_after=2)
        self._under_way += 1
        try:
            return await to_thread.run_sync(call, limiter=self._turns)
        finally:
            self._under_way -= 1
