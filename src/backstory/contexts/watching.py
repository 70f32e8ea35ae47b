"""Watching: the change stream, and waiting for it to go on.

One tail for each watched tenant reads the change log once and wakes those whom a change
concerns, so that a thousand idle watchers cost nothing but memory. Messages of the bus only
make it look sooner; it looks on its own once in `limits.POLL_SECONDS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from backstory import limits
from backstory.domain.changes import Change
from backstory.domain.keys import EVERYWHERE
from backstory.domain.policy import Visibility
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, BusyError, WatchesFullError
from backstory.ports.bus import ChangeBus
from backstory.ports.store import ChangeQuery, Store
from backstory.resilience.deadlines import detached
from backstory.resilience.trouble import Trouble

logger = logging.getLogger(__name__)
_ALL = Visibility((EVERYWHERE,))


class Listener:
    """One who waits. Holds the changes that concern it until they are taken."""

    def __init__(self, wants: Callable[[Change], bool], backlog: int) -> None:
        self.wants = wants
        self.overflowed = False
        self._changes: deque[Change] = deque(maxlen=backlog)
        self._event = asyncio.Event()

    def hear(self, change: Change) -> None:
        self.overflowed = self.overflowed or len(self._changes) == self._changes.maxlen
        self._changes.append(change)
        self._event.set()

    def wake(self) -> None:
        self._event.set()

    def take(self) -> list[Change]:
        """The changes heard since the last call."""
        self._event.clear()
        taken = list(self._changes)
        self._changes.clear()
        return taken

    async def wait(self, seconds: float | None) -> bool:
        """Whether something was heard, or the hub is draining, before the time was over."""
        if self._event.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Hint:
    """What the bus says of one tenant."""

    def __init__(self, bus: ChangeBus, tenant: str) -> None:
        self.heard = asyncio.Event()
        self.leave = bus.subscribe(tenant, self.heard.set)


class _Tail:
    """Reads one tenant's log while anyone listens to it."""

    def __init__(
        self, store: Store, tenant: str, position: int, hint: Hint, trouble: Trouble
    ) -> None:
        self._store, self._trouble = store, trouble
        self._tenant = tenant
        self.position = position
        self._hint = hint
        self.listeners: set[Listener] = set()
        self._task = asyncio.create_task(self._run(), name=f"tail of {tenant}", context=detached())

    async def stop(self) -> None:
        self._hint.leave()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.POLL_SECONDS):
                    await self._hint.heard.wait()
            self._hint.heard.clear()
            try:
                await self._read_on()
                self._trouble.over()
            except BackstoryError as error:
                self._trouble.met(error)
            except Exception:  # the tail must outlive anything, or its watchers would starve
                logger.exception("reading the change log failed")

    async def _read_on(self) -> None:
        more = (await self._store.mark(self._tenant)).is_behind(self.position)
        while more:
            query = ChangeQuery(_ALL, self.position, limits.PAGE_MAX)
            page = await self._store.changes(self._tenant, query)
            self.position, more = page.position, page.more
            for change in page.changes:
                for listener in self.listeners:
                    if listener.wants(change):
                        listener.hear(change)


class Hub:
    """All who wait in this process."""

    def __init__(self, store: Store, bus: ChangeBus) -> None:
        self._store = store
        self._bus = bus
        self._trouble = Trouble(logger, "read the change log")
        self._tails: dict[str, _Tail] = {}
        self._count = 0
        self._each: Counter[tuple[str, str, str]] = Counter()
        self.most_each = 0
        """How many one caller may have waiting here; 0 bounds nothing."""
        self.leaving = False
        """Told that the process will stop: nobody should come any more, who does is served."""
        self.draining = False

    @property
    def watching(self) -> int:
        """How many wait."""
        return self._count

    @asynccontextmanager
    async def listen(
        self,
        principal: Principal,
        wants: Callable[[Change], bool],
        backlog: int = limits.SUBSCRIPTION_BACKLOG,
    ) -> AsyncIterator[Listener]:
        """Hear of each change from now on that `wants` says yes to.

        Begin to listen before reading, and nothing falls between the two.

        Raises:
            BusyError: `limits.WATCHERS` are waiting already.
            WatchesFullError: `most_each` of them are this caller's.
        """
        if self._count >= limits.WATCHERS:
            raise BusyError("too many watchers; try again later", retry_after=5, limit="WATCHERS")
        tenant, caller = principal.tenant, principal.caller
        if self.most_each and self._each[caller] >= self.most_each:
            raise WatchesFullError(
                f"one caller may watch {self.most_each} times at once; end a stream first",
                retry_after=5,
            )
        listener = Listener(wants, backlog)
        self._count += 1
        self._each[caller] += 1
        try:
            tail = await self._tail(tenant)
            tail.listeners.add(listener)
            if self.draining:
                listener.wake()
            yield listener
        finally:
            self._count -= 1
            self._each[caller] -= 1
            if not self._each[caller]:
                del self._each[caller]
            await self._leave(tenant, listener)

    def place(self, tenant: str) -> int | None:
        """How far the tenant's log was read for those who listen; None while nobody does."""
        tail = self._tails.get(tenant)
        return None if tail is None else tail.position

    def drain(self) -> None:
        """Wake everybody and let nobody wait any more: the process is about to stop."""
        self.leaving = self.draining = True
        self.wake()

    def wake(self) -> None:
        """Have everybody who waits look again whether to go on."""
        for tail in self._tails.values():
            for listener in tail.listeners:
                listener.wake()

    async def aclose(self) -> None:
        self.drain()
        for tail in list(self._tails.values()):
            await tail.stop()
        self._tails.clear()

    async def _tail(self, tenant: str) -> _Tail:
        if tenant not in self._tails:
            # Heard from before the log is looked at, so that nothing falls between the two.
            hint = Hint(self._bus, tenant)
            try:
                mark = await self._store.mark(tenant)
            except BaseException:
                hint.leave()
                raise
            if tenant in self._tails:  # somebody else was faster
                hint.leave()
            else:
                self._tails[tenant] = _Tail(self._store, tenant, mark.newest, hint, self._trouble)
        return self._tails[tenant]

    async def _leave(self, tenant: str, listener: Listener) -> None:
        tail = self._tails.get(tenant)
        if tail is None:
            return
        tail.listeners.discard(listener)
        if not tail.listeners:
            del self._tails[tenant]
            await tail.stop()
