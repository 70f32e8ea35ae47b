"""The bus of many nodes: hints by way of a server that passes messages on.

Nobody waits for it. Changes are noted and sent by a task of its own, many in one message; while
the server is away they are kept, and it is looked for again and again. After each connection
everybody is told, since messages may have been lost meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from backstory import limits
from backstory.errors import BusUnavailableError
from backstory.messaging.hearers import Hearers
from backstory.messaging.lines import Heard, Link, heard, stop
from backstory.messaging.messages import Marks
from backstory.ports.bus import Hear
from backstory.ports.events import BusSpoke
from backstory.ports.hooks import SILENCE, Hooks

_log = logging.getLogger(__name__)


class RemoteBus:
    """`ports.bus.ChangeBus` over a link. To be made, used and closed inside one event loop.

    `secret` is that of the store whose nodes are to hear each other.
    """

    def __init__(self, link: Link, secret: bytes, hooks: Hooks = SILENCE) -> None:
        self._link, self._hooks = link, hooks
        self._marks = Marks(secret)
        self._hearers = Hearers()
        self._tenants: dict[str, str] = {}  # by mark, of those that are heard of here
        self._pending: dict[str, None] = {}
        self._wanted = asyncio.Event()
        self._tried = asyncio.Event()
        self._problem: BusUnavailableError | None = None
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run(), name="change bus")

    @property
    def waiting(self) -> int:
        """Hints that are still to be sent."""
        return len(self._pending)

    def announce(self, tenant: str) -> None:
        """Tell this process at once, and the others soon."""
        self._hearers.announce(tenant)
        if self._task is None or len(self._pending) > limits.BUS_TENANTS:
            return  # nobody is told any more, or everybody will be
        self._pending[tenant] = None
        self._wanted.set()

    def subscribe(self, tenant: str, hear: Hear) -> Callable[[], None]:
        """Hear until the returned function is called, which may be done twice."""
        if self._task is None:
            return lambda: None
        forget, mark = self._hearers.add(tenant, hear), self._marks.of(tenant)
        self._tenants[mark] = tenant

        def leave() -> None:
            forget()
            if tenant not in self._hearers:
                self._tenants.pop(mark, None)

        return leave

    async def check(self) -> None:
        await self._tried.wait()
        if self._problem is not None:
            raise BusUnavailableError(self._problem.detail)

    async def aclose(self) -> None:
        task, self._task = self._task, None
        self._hearers.clear()
        if task is not None:
            await stop(task)
            self._away(BusUnavailableError("the bus is closed"), told=True)

    # -- the server ----------------------------------------------------------------------

    async def _run(self) -> None:
        attempt, clock = 0, asyncio.get_running_loop().time
        while True:
            told, begun = self._problem is not None, clock()
            try:
                await self._connected()
            except BusUnavailableError as error:
                self._away(error, told=told)
            except Exception as error:  # noqa: BLE001 - it must outlive anything, or it would never heal
                _log.exception("the change bus failed")
                self._away(BusUnavailableError(f"it failed ({type(error).__name__})"), told=True)
            lasted = clock() - begun > limits.BUS_RETRY_MOST_SECONDS + limits.BUS_SECONDS
            attempt = 0 if lasted else attempt + 1
            await asyncio.sleep(_pause(attempt))

    async def _connected(self) -> None:
        """Send and hear until the line is lost."""
        async with heard(self._link, self._marks.channel, self._hear) as line:
            self._back()
            await _first(line.lost(), line.keep_proving(), self._send(line))

    async def _send(self, line: Heard) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            pending, self._pending = self._pending, {}
            begun = time.perf_counter()
            try:
                await line.send(self._marks.of_all(pending))
                self._hooks.tell(BusSpoke("sent", time.perf_counter() - begun))
            except BaseException:  # they are told when the server is back
                self._pending = pending | self._pending
                self._wanted.set()
                raise
            await asyncio.sleep(limits.BUS_PAUSE_SECONDS)

    def _hear(self, marks: Sequence[str]) -> None:
        self._hooks.tell(BusSpoke("heard"))
        if self._marks.any in marks:
            self._hearers.tell_all()
            return
        for mark in marks:
            if mark in self._tenants:
                self._hearers.tell(self._tenants[mark])

    def _back(self) -> None:
        if self._problem is not None:
            _log.info("the change bus (%s) is back", self._link.name)
        self._problem = None
        self._tried.set()
        self._hearers.tell_all()

    def _away(self, error: BusUnavailableError, *, told: bool) -> None:
        self._problem = error
        self._tried.set()
        if not told:
            _log.warning(
                "the change bus (%s) is away: %s; until it is back, changes made on other nodes"
                " are heard of within %g s",
                self._link.name,
                error.detail,
                limits.POLL_SECONDS,
            )


async def _first(*works: Coroutine[Any, Any, None]) -> None:
    """Run them until one fails, which then is what is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            await stop(task)


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: they double, and half of them are chance."""
    most = min(limits.BUS_RETRY_SECONDS * 2.0**attempt, limits.BUS_RETRY_MOST_SECONDS)
    return random.uniform(most / 2, most)  # noqa: S311 - no secret
