"""Reading one context: as it stands, or as it stood."""

from __future__ import annotations

from typing import NamedTuple

from backstory.clock import Clock
from backstory.contexts import access
from backstory.domain.contexts import Head, Snapshot, missing
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.ports.store import EntryPage, EntryQuery, Store, View


class Reading(NamedTuple):
    """A context, with the page of entries that was asked for."""

    snapshot: Snapshot
    page: EntryPage | None = None

    @property
    def head(self) -> Head:
        return self.snapshot.head


class Reader:
    """Reads for those who may."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def snapshot(self, principal: Principal, key: ContextKey) -> Snapshot:
        """Head and state as they stand.

        Raises:
            MissingError: there is no such living context, or the caller may not know of it.
        """
        access.require(principal, Verb.READ, key)
        tenant, store = principal.tenant, self._store
        snapshot = store.near(tenant, key) or await store.snapshot(tenant, key)
        if snapshot is None or not snapshot.head.alive_by(self._clock):
            raise missing(key)
        return snapshot

    async def view(self, principal: Principal, key: ContextKey, at: int | None = None) -> View:
        """The same with the chain of entries, at the present or an earlier version.

        Raises:
            MissingError: as `snapshot`, and where version `at` is a deletion.
            GoneError: version `at` cannot be read back.
        """
        access.require(principal, Verb.READ, key)
        view = await self._store.view(principal.tenant, key, at)
        if view is None or view.snapshot.head.deleted:
            raise missing(key)
        if at is None and not view.snapshot.head.alive_by(self._clock):
            raise missing(key)
        return view

    async def read(
        self,
        principal: Principal,
        key: ContextKey,
        *,
        at: int | None = None,
        query: EntryQuery | None = None,
    ) -> Reading:
        """Head and state, and a page of entries where a query is given.

        Raises:
            MissingError, GoneError: as `view`.
        """
        if at is None:
            if query is None:
                return Reading(await self.snapshot(principal, key))
            return await self._present(principal, key, query)
        view = await self.view(principal, key, at)
        if query is None:
            return Reading(view.snapshot)
        page = await self._store.page(principal.tenant, view.chain, query)
        return Reading(view.snapshot, page)

    async def _present(self, principal: Principal, key: ContextKey, query: EntryQuery) -> Reading:
        access.require(principal, Verb.READ, key)
        found = await self._store.view_and_page(principal.tenant, key, query)
        if found is None or not found[0].snapshot.head.alive_by(self._clock):
            raise missing(key)
        view, page = found
        return Reading(view.snapshot, page)
