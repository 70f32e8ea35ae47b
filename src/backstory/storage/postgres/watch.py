"""Looks after calls that a server leaves without an answer for long.

A slow statement and a dead server look alike to who waits. So as soon as any call waits for
`limits.SILENCE_SECONDS`, somebody asks the server on a connection of its own whether it is
there. If it is not, all who wait are let go at once, whatever time they had left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from backstory import limits
from backstory.resilience.deadlines import detached


class Waiting:
    """One call; `cut` ends it, and is replaced while it goes on."""

    __slots__ = ("cut", "since")

    def __init__(self, since: float, cut: Callable[[], object]) -> None:
        self.since, self.cut = since, cut


class Watch:
    """`look` sees whether the server is there, and has `cut` called where it is not."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._waiting: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, cut: Callable[[], object]) -> Iterator[Waiting]:
        """A call to the server, from beginning to end."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(loop.time(), cut)
        self._waiting.add(waiting)
        if self._timer is None and self._task is None:
            self._again(limits.SILENCE_SECONDS)
        try:
            yield waiting
        finally:
            self._waiting.discard(waiting)

    def cut(self) -> None:
        """Let go all who wait."""
        for waiting in list(self._waiting):
            waiting.cut()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _again(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._see, context=detached())

    def _see(self) -> None:
        """Some time has passed: nobody waits, or not for long, or somebody has to look."""
        self._timer = None
        if not self._waiting:
            return
        now = asyncio.get_running_loop().time()
        silent = now - min(waiting.since for waiting in self._waiting)
        if silent < limits.SILENCE_SECONDS:
            self._again(limits.SILENCE_SECONDS - silent)
        else:
            self._task = asyncio.create_task(self._ask(), name="backstory-look")

    async def _ask(self) -> None:
        try:
            await self._look()
        finally:
            self._task = None
        if self._waiting:
            self._again(limits.SILENCE_SECONDS)
