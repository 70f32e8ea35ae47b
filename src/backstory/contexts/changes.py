"""The tenant's stream of changes, read by cursor, with waiting for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final

from backstory import limits
from backstory.contexts import access
from backstory.contexts.fitting import change_bytes, fitting
from backstory.contexts.standing import Standing
from backstory.contexts.watching import Hub, Listener
from backstory.domain import policy
from backstory.domain.changes import Change
from backstory.domain.keys import NamespacePattern
from backstory.domain.policy import Visibility
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import BusyError, GoneError, StoreUnavailableError
from backstory.ports.store import ChangePage, ChangeQuery, Store
from backstory.resilience.flights import Flights

CURSOR: Final = "cursor"
NOW: Final = "now"
_WHOLE: Final = 2**63


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Changes, each with the cursor behind it, and the cursor to go on from."""

    items: tuple[tuple[str, Change], ...]
    next: str
    more: bool


@dataclass(slots=True)
class _Sight:
    """What one who waits may see, which may be another thing while it waits."""

    principal: Principal
    namespace: NamespacePattern | None
    visible: Visibility

    def wants(self, change: Change) -> bool:
        if change.key is None:
            return self.visible.everything
        return self.visible.shows(change.key.namespace)


class Stream:
    """Reads the change log for those who may, within the namespaces they may see."""

    def __init__(self, store: Store, hub: Hub, seal: Seal, standing: Standing) -> None:
        self._store = store
        self._hub = hub
        self._seal = seal
        self._standing = standing
        self._flights = Flights()

    async def changes(
        self,
        principal: Principal,
        *,
        after: str | None = None,
        namespace: NamespacePattern | None = None,
        limit: int = limits.PAGE_DEFAULT,
        wait: float = 0.0,
    ) -> ChangesPage:
        """Changes behind a cursor: from the oldest kept without one, from here on with `now`.

        With `wait` (seconds, at most `limits.WAIT_SECONDS`) it answers as soon as there is
        one, or with an empty page when the time is over.

        Raises:
            InvalidCursorError: the cursor is not this caller's.
            GoneError: what lies behind the cursor is no longer kept, or of another epoch.
            BusyError: too many are waiting.
        """
        visible = access.visible(principal, namespace)
        position = await self._position(principal, after)
        page = await self._page(principal.tenant, ChangeQuery(visible, position, limit))
        if page.changes or page.more or wait <= 0:
            return self._answer(principal, page)
        sight = _Sight(principal, namespace, visible)
        async with self._hub.listen(principal, sight.wants) as listener:
            query = ChangeQuery(visible, page.position, limit)
            page = await self._wait(sight, query, wait, listener)
        return self._answer(principal, page)

    async def follow(
        self,
        principal: Principal,
        *,
        after: str | None = None,
        namespace: NamespacePattern | None = None,
    ) -> AsyncGenerator[ChangesPage, None]:
        """Pages of changes without end, empty ones as heartbeats; ends when the process drains,
        the principal's token ends, or nothing is left that it may see.

        Raises:
            InvalidCursorError, GoneError, BusyError: as `changes`, at the first step.
        """
        visible = access.visible(principal, namespace)
        position = await self._position(principal, after)
        sight = _Sight(principal, namespace, visible)
        async with self._hub.listen(principal, sight.wants) as listener:
            begun = False
            while not self._hub.draining and not self._standing.ended(principal):
                listener.take()
                pause = limits.HEARTBEAT_SECONDS
                try:
                    if not await self._look(sight):
                        return
                    query = ChangeQuery(sight.visible, position, limits.PAGE_MAX)
                    page = await self._together(principal.tenant, query)
                except (StoreUnavailableError, BusyError):
                    if not begun:
                        raise
                    # Whoever watches waits on; what it was woken for may not have been read yet.
                    page, pause = _nothing(position), limits.POLL_SECONDS
                begun, position = True, page.position
                yield self._answer(principal, page)
                if not page.more:
                    await listener.wait(self._standing.within(principal, pause))

    async def aclose(self) -> None:
        """Wait for what is being read."""
        await self._flights.aclose()

    async def _look(self, sight: _Sight) -> bool:
        """See what the principal may see now; whether it goes on seeing anything that it saw."""
        principal = await self._standing.current(sight.principal)
        if principal is sight.principal:
            return True
        saw = bool(sight.visible.patterns)
        sight.principal = principal
        sight.visible = policy.visibility(principal, sight.namespace)
        return bool(sight.visible.patterns) or not saw

    async def _wait(
        self, sight: _Sight, query: ChangeQuery, wait: float, listener: Listener
    ) -> ChangePage:
        principal = sight.principal
        most = self._standing.within(principal, min(wait, limits.WAIT_SECONDS)) or 0.0
        deadline = asyncio.get_running_loop().time() + most
        while True:
            listener.take()
            pause = limits.WAIT_SECONDS
            try:
                await self._look(sight)
                query = replace(query, visible=sight.visible)
                page = await self._together(principal.tenant, query)
            except (
                StoreUnavailableError,
                BusyError,
            ):  # the caller waits on, as long as it wanted to
                page, pause = _nothing(query.after), limits.POLL_SECONDS
            left = deadline - asyncio.get_running_loop().time()
            over = self._hub.draining or self._standing.ended(principal)
            if page.changes or page.more or left <= 0 or over:
                return page
            query = replace(query, after=page.position)
            await listener.wait(min(left, pause))

    async def _position(self, principal: Principal, after: str | None) -> int:
        mark = await self._store.mark(principal.tenant)
        if after is None:
            return mark.oldest
        if after == NOW:
            return mark.newest
        scope = (CURSOR, principal.tenant, principal.subject)
        epoch, position = self._seal.open_members(*scope, after, 2)
        place = int(position, 16) if isinstance(position, str) else int(position)
        if epoch != mark.epoch or not mark.keeps(place):
            raise GoneError("what lies behind this cursor is no longer kept; begin without one")
        return place

    async def _together(self, tenant: str, query: ChangeQuery) -> ChangePage:
        """The page, read once for all whom the same change woke.

        Only for those who listen. They join a read that began when the log was read as far as it is
        now, so that it has what woke them; what is newer wakes them again.
        """
        key = (tenant, query, self._hub.place(tenant))
        return await self._flights.join(key, lambda: self._page(tenant, query))

    async def _page(self, tenant: str, query: ChangeQuery) -> ChangePage:
        return _cut(await self._store.changes(tenant, query))

    def _answer(self, principal: Principal, page: ChangePage) -> ChangesPage:
        def cursor(position: int) -> str:
            # A place in several logs is more than JSON's numbers can be.
            place = position if position < _WHOLE else f"{position:x}"
            payload = (self._store.epoch, place)
            return self._seal.close(CURSOR, principal.tenant, principal.subject, payload)

        items = tuple((cursor(change.position), change) for change in page.changes)
        return ChangesPage(items, cursor(page.position), page.more)


def _nothing(position: int) -> ChangePage:
    """What can be said while the store is away: nothing that is behind the position."""
    return ChangePage((), position, more=False)


def _cut(page: ChangePage) -> ChangePage:
    """What fits into one answer of it, a commit never split."""
    changes = page.changes
    count = fitting(map(change_bytes, changes))
    if count == len(changes):
        return page
    while count > 1 and changes[count - 1].commit == changes[count].commit:
        count -= 1
    while count < len(changes) and changes[count - 1].commit == changes[count].commit:
        count += 1  # the first commit alone is too large, and goes out as a whole
    return ChangePage(changes[:count], changes[count - 1].position, more=True)
