"""A store whose reads of present contexts are answered from a cache, and are as true as ever.

Each read asks the store how the context stands, which is cheap, and takes the body from the
cache where its tag is equal. Nothing has to be told to the caches when something is written;
only what is erased is taken out of them. While the store is away, those who allow it
(`ports.staleness`) are given what the cache still has.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from msgspec import structs

from backstory import limits
from backstory.caching.erasing import Erasing
from backstory.caching.old_copies import OldCopies
from backstory.caching.passing import PassingStore
from backstory.caching.shelf import Shelf
from backstory.caching.tails import TAIL, Tail, may_answer
from backstory.clock import Clock
from backstory.domain.commits import Commit, Delete, Outcome, Purge, Redact
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author
from backstory.domain.sealing import Seal
from backstory.domain.subjects import Erasure
from backstory.errors import StoreUnavailableError
from backstory.ports.cache import Cache
from backstory.ports.copies import Copies
from backstory.ports.staleness import allowed
from backstory.ports.store import EntryPage, EntryQuery, Gone, Standing, Store, View
from backstory.resilience.flights import Flights

_TAKES_AWAY: Final = (Purge, Redact, Delete)


class CachedStore(PassingStore):
    """`ports.store.Store` around another one and a cache, both of which it closes.

    What the cache has not is asked of `copies`, where there are any, before the store; they
    are closed with it. `shared` says whether other nodes use the same cache, so that what one of them erases there
    is gone for all. Where it is this process's own, the contexts that were read last are looked
    at once in `limits.POLL_SECONDS`, and only those may be given while the store is away.
    """

    def __init__(
        self,
        store: Store,
        cache: Cache,
        clock: Clock,
        *,
        shared: bool,
        copies: Copies | None = None,
    ) -> None:
        super().__init__(store)
        self._cache, self._clock, self._copies = cache, clock, copies
        self._shelf = Shelf(cache, Seal(store.secret), store.epoch)
        self._flights, self._erasing = Flights(), Erasing(cache)
        drop = self._drop_near if shared else self._drop
        self._old = OldCopies(store, clock, drop, shared=shared)
        self._names = self._shelf.names
        self._taken: dict[str, int] = {}
        self._writing: set[asyncio.Task[Outcome] | asyncio.Task[Head]] = set()

    async def check(self) -> None:
        """As the port says; passes without the store where old answers are allowed, and there."""
        staleness = allowed()
        if staleness is None:
            await self._store.check()
            return
        try:
            async with asyncio.timeout(limits.CHECK_SECONDS / 2):
                await self._store.check()
        except (StoreUnavailableError, TimeoutError):
            age = self._old.silence
            if age > limits.STALE_SECONDS or not await self._shelf.usable():
                raise
            staleness.given(age)

    async def aclose(self) -> None:
        await self._old.aclose()
        await self._flights.aclose()
        while self._writing:
            await asyncio.wait(self._writing)
        await self._erasing.aclose()
        if self._copies is not None:
            await self._copies.aclose()
        await self._store.aclose()
        await self._cache.aclose()

    # -- reading -----------------------------------------------------------------------

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        view = await self._present(tenant, key)
        return view.snapshot if view else None

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        if at is not None:
            return await self._store.view(tenant, key, at)
        return await self._present(tenant, key)

    async def view_and_page(
        self, tenant: str, key: ContextKey, query: EntryQuery
    ) -> tuple[View, EntryPage] | None:
        view = await self._present(tenant, key)
        return None if view is None else (view, await self._page(tenant, view, query))

    async def _present(self, tenant: str, key: ContextKey) -> View | None:
        asked_at = self._clock.now()
        try:
            [standing] = await self._store.standings(tenant, (key,))
            view = await self._current(tenant, key, standing) if standing else None
        except StoreUnavailableError as error:
            return await self._stale(tenant, key, error)
        name, _ = self._names(tenant, key)
        if view is not None:
            self._old.believe(name, tenant, key, view.snapshot.head.tag, asked_at)
        elif self._old.believes(name):  # it was purged by another node
            await self._drop(tenant, (key,))
        return view

    async def _stale(self, tenant: str, key: ContextKey, error: StoreUnavailableError) -> View:
        """What the cache still has of the context.

        Raises:
            StoreUnavailableError: nothing that may be given; the error is the store's own.
        """
        staleness = allowed()
        name, _ = self._names(tenant, key)
        if staleness is None or self._erasing.owes(name):
            raise error
        _, copy = await self._shelf.view(name, key, None, self._taken.get(tenant, 0))
        age = self._old.age(name, copy) if copy else None
        if copy is None or age is None or age > limits.STALE_SECONDS:
            raise error
        staleness.given(age)
        return copy.view

    async def _current(self, tenant: str, key: ContextKey, standing: Standing) -> View | None:
        """The view that has this tag, or a newer one."""
        name, _ = self._names(tenant, key)
        tag, names = standing.tag, self._learn_names(tenant, standing)
        found, copy = await self._shelf.view(name, key, tag, names)
        view: View | None
        if copy is not None:
            view = copy.view
        else:
            read = partial(self._read_view, tenant, key, standing)
            keep = partial(self._shelf.keep_view, name, found, self._clock.now(), names)
            view = await self._flights.join((name, tag, names), read, keep)
        if view is None or view.snapshot.head.tag != tag:
            return view
        return _with_history_from(view, standing.history_from)

    def _learn_names(self, tenant: str, standing: Standing) -> int:
        """How often authors of the tenant lost their names, as far as is known."""
        names = max(standing.names, self._taken.get(tenant, 0))
        if names:
            if len(self._taken) >= limits.INTERNED_NAMES:
                self._taken.clear()
            self._taken[tenant] = names
        return names

    async def _read_view(self, tenant: str, key: ContextKey, standing: Standing) -> View | None:
        copy = await self._copies.view(tenant, key, standing) if self._copies else None
        return copy or await self._store.view(tenant, key)

    async def _page(self, tenant: str, view: View, query: EntryQuery) -> EntryPage:
        head = view.snapshot.head
        if not view.chain.pieces:
            return EntryPage((), more=False)
        # A node whose clock is behind may show what others hold for expired, and whoever
        # redacts gives that no new tag.
        if head.expires_at is not None or not may_answer(head, query):
            return await self._store.page(tenant, view.chain, query)
        tail = await self._tail(tenant, view)
        page = tail.page(query)
        return page or await self._store.page(tenant, view.chain, query)

    async def _tail(self, tenant: str, view: View) -> Tail:
        head, names = view.snapshot.head, self._taken.get(tenant, 0)
        _, name = self._names(tenant, head.key)
        found, kept = await self._shelf.tail(name, head.tag, names)
        if kept is not None:
            return kept
        read = partial(self._read_tail, tenant, view, names)
        keep = partial(self._shelf.keep_tail, name, found, head.tag, names)
        return await self._flights.join((name, head.tag, names), read, keep)

    async def _read_tail(self, tenant: str, view: View, names: int) -> Tail:
        head = view.snapshot.head
        standing = Standing(head.tag, head.history_from, names)
        copy = await self._copies.page(tenant, head.key, standing, TAIL) if self._copies else None
        return Tail.of(copy or await self._store.page(tenant, view.chain, TAIL))

    # -- writing: what is taken away leaves the cache before anybody is told -----------------

    async def commit(self, commit: Commit) -> Outcome:
        if not any(isinstance(operation, _TAKES_AWAY) for operation in commit.operations):
            outcome = await self._store.commit(commit)
            self._learn(commit.tenant, outcome)
            return outcome
        task = asyncio.create_task(self._commit(commit))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _commit(self, commit: Commit) -> Outcome:
        touched = [operation.key for operation in commit.operations]
        async with self._taking_away(commit.tenant, touched):
            outcome = await self._store.commit(commit)
            touched += outcome.touched
        self._learn(commit.tenant, outcome)
        return outcome

    async def erase(
        self, tenant: str, subject: str, author: Author, gone: Gone | None = None
    ) -> Erasure:
        async def drop(keys: Sequence[ContextKey]) -> None:
            await self._drop(tenant, keys)
            if gone is not None:
                await gone(keys)

        return await self._store.erase(tenant, subject, author, drop)

    def _learn(self, tenant: str, outcome: Outcome) -> None:
        """Whoever wrote here is not given an older copy afterwards."""
        at = self._clock.now()
        for result in outcome.results:
            if result.head is not None:
                name, _ = self._names(tenant, result.key)
                self._old.believe(name, tenant, result.key, result.head.tag, at)

    async def forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None = None
    ) -> Head:
        task = asyncio.create_task(self._forget(tenant, key, before, act))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None
    ) -> Head:
        # A body that nobody replaced may be of a version that is forgotten.
        async with self._taking_away(tenant, [key]):
            return await self._store.forget(tenant, key, before, act)

    @asynccontextmanager
    async def _taking_away(self, tenant: str, touched: list[ContextKey]) -> AsyncIterator[None]:
        """Drops them once it is done, and where it may have been done, now or when tried before."""
        try:
            yield
        except StoreUnavailableError:  # nothing was written
            raise
        except BaseException:
            await self._drop(tenant, touched)
            raise
        await self._drop(tenant, touched)

    async def _drop(self, tenant: str, keys: Iterable[ContextKey]) -> None:
        names = [self._names(tenant, key) for key in dict.fromkeys(keys)]
        self._old.disbelieve(view for view, _ in names)
        await self._erasing.drop([name for pair in names for name in pair])

    async def _drop_near(self, tenant: str, keys: Iterable[ContextKey]) -> None:
        names = [self._names(tenant, key) for key in keys]
        await self._cache.drop_near([name for pair in names for name in pair])


def _with_history_from(view: View, history_from: int) -> View:
    """The view as it stands after older versions were let go, which makes no version."""
    snapshot = view.snapshot
    if snapshot.head.history_from == history_from:
        return view
    head = structs.replace(snapshot.head, history_from=history_from)
    return replace(view, snapshot=replace(snapshot, head=head))
