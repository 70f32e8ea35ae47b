"""Reading one context, its entries and its content, where it is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from msgspec import structs

from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.content import Manifest
from backstory.domain.contexts import Snapshot
from backstory.domain.keys import ContextKey
from backstory.domain.positions import pack
from backstory.domain.summaries import Summary
from backstory.errors import MissingError, StoreUnavailableError
from backstory.ports.store import (
    EntryPage,
    EntryQuery,
    OutlinePage,
    OutlineQuery,
    Standing,
    Store,
    View,
)
from backstory.storage.routed.places import Places, all_of, inside, log_inside, outside

T = TypeVar("T")


class ReadsOne(Places):
    """`ports.store.Reads` and the reading half of `Contents`."""

    def near(self, tenant: str, key: ContextKey) -> Snapshot | None:
        del tenant, key
        return None  # which store it is in takes a look

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        store = self._routing.of(key.namespace)
        found = await self._stores[store].snapshot(tenant, key)
        if store and found is not None:
            self._saw(tenant, found, store)
        return found

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        store = self._routing.of(key.namespace)
        view = await self._stores[store].view(tenant, key, at)
        return None if view is None else self._outside(tenant, view, store)

    async def view_and_page(
        self, tenant: str, key: ContextKey, query: EntryQuery
    ) -> tuple[View, EntryPage] | None:
        store = self._routing.of(key.namespace)
        found = await self._stores[store].view_and_page(tenant, key, query)
        return None if found is None else (self._outside(tenant, found[0], store), found[1])

    def _outside(self, tenant: str, view: View, store: int) -> View:
        if store:
            self._saw(tenant, view.snapshot, store)
        return outside(view, store)

    def _saw(self, tenant: str, snapshot: Snapshot, store: int) -> None:
        content = snapshot.head.content
        if content is not None:
            self._roots.learn(tenant, content.root, store)

    async def standings(self, tenant: str, keys: Sequence[ContextKey]) -> Sequence[Standing | None]:
        places = [self._routing.of(key.namespace) for key in keys]
        if not any(places):
            return await self._stores[0].standings(tenant, keys)
        parts = {
            store: [key for key, place in zip(keys, places, strict=True) if place == store]
            for store in dict.fromkeys(places)
        }
        found = await all_of(
            {
                store: partial(self._stores[store].standings, tenant, part)
                for store, part in parts.items()
            }
        )
        rest = {store: iter(answers) for store, answers in found.items()}
        return [next(rest[place]) for place in places]

    async def page(self, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:
        store, chain = inside(chain)
        return await self._stores[store].page(tenant, chain, query)

    async def outline(self, tenant: str, chain: Chain, query: OutlineQuery) -> OutlinePage:
        store, chain = inside(chain)
        return await self._stores[store].outline(tenant, chain, query)

    async def summaries(
        self, tenant: str, chain: Chain, before: int, limit: int
    ) -> Sequence[Summary]:
        store, chain = inside(chain)
        return await self._stores[store].summaries(tenant, chain, before, limit)

    async def origin(self, tenant: str, log: int) -> ContextKey | None:
        store, log = log_inside(log)
        return await self._stores[store].origin(tenant, log)

    # -- content: equal bytes have one root, so any store that has it will do ----------------

    async def manifest(self, tenant: str, root: bytes) -> Manifest:
        return await self._by_root(tenant, root, lambda store: store.manifest(tenant, root))

    async def read_content(self, tenant: str, root: bytes, start: int, stop: int) -> bytes:
        return await self._by_root(
            tenant, root, lambda store: store.read_content(tenant, root, start, stop)
        )

    async def read_chunk(self, tenant: str, root: bytes, chunk: bytes) -> bytes | None:
        return await self._by_root(
            tenant, root, lambda store: store.read_chunk(tenant, root, chunk)
        )

    async def _by_root(self, tenant: str, root: bytes, ask: Callable[[Store], Awaitable[T]]) -> T:
        away: StoreUnavailableError | None = None
        missing: MissingError | None = None
        for at in self._roots.order(tenant, root, len(self._stores)):
            try:
                return await ask(self._stores[at])
            except StoreUnavailableError as error:
                away = away or error
            except MissingError as error:
                missing = missing or error
        if away is not None:
            raise away
        assert missing is not None
        raise missing

    # -- one context's own history ----------------------------------------------------------

    async def versions(
        self,
        tenant: str,
        key: ContextKey,
        *,
        after: int,
        before: int,
        limit: int,
        newest_first: bool,
    ) -> Sequence[Change]:
        store = self._routing.of(key.namespace)
        found = await self._stores[store].versions(
            tenant, key, after=after, before=before, limit=limit, newest_first=newest_first
        )
        if not store:
            return found
        return [
            structs.replace(each, position=pack([0] * store + [each.position])) for each in found
        ]

    async def version_at(self, tenant: str, key: ContextKey, last_seq: int) -> int:
        return await self._of(key).version_at(tenant, key, last_seq)

    async def redactions(
        self, tenant: str, key: ContextKey, after: int, upto: int
    ) -> Sequence[int]:
        return await self._of(key).redactions(tenant, key, after, upto)
