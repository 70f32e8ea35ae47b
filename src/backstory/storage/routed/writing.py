"""Commits: each goes into the one store that keeps all that it touches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec import structs

from backstory.domain.chunking import Chunk
from backstory.domain.commits import Commit, Fork, Idempotency, Outcome
from backstory.domain.content import Hold
from backstory.domain.contexts import Head, Tag
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import context_of
from backstory.domain.positions import pack
from backstory.domain.quotas import Quota, Usage
from backstory.domain.ruling import KindTag, check_kinds
from backstory.errors import CommitSpansStoresError, StoreError, StoreUnavailableError, Violation
from backstory.storage.routed.places import Places, all_of, together


class Writes(Places):
    """`ports.store.Commits`, and uploads."""

    _usages: dict[tuple[str, int], Usage]

    async def commit(self, commit: Commit) -> Outcome:
        store = self._store_of(commit)
        if len(self._stores) > 1 and commit.quota is not None:
            commit = structs.replace(
                commit, quota=await self._left(commit.tenant, commit.quota, store)
            )
        if not store:
            return await self._stores[0].commit(commit)
        await self._require_kinds(commit.tenant, commit.kinds)
        outcome = await self._stores[store].commit(structs.replace(commit, kinds=()))
        return structs.replace(outcome, position=_position(outcome.position, store))

    def _store_of(self, commit: Commit) -> int:
        """Where it goes.

        Raises:
            CommitSpansStoresError: it touches what two stores keep.
        """
        first: int | None = None
        for at, operation in enumerate(commit.operations):
            keys = [operation.key]
            if isinstance(operation, Fork):
                keys.append(operation.source)
            for key in keys:
                store = self._routing.of(key.namespace)
                if first is None:
                    first = store
                elif store != first:
                    raise _spans(commit.operations[0].key, key, at)
        return first or 0

    async def _require_kinds(self, tenant: str, kinds: Sequence[KindTag]) -> None:
        """The first store says which kinds there are. Where it is away, what was believed counts.

        Raises:
            StaleRulesError: one was registered anew since the commit was prepared.
        """
        if not kinds:
            return
        try:
            tags = await self._tags(tenant, [kind for kind, _ in kinds])
        except StoreUnavailableError:
            return
        check_kinds(kinds, tags.get)

    async def _tags(self, tenant: str, kinds: Sequence[str]) -> dict[str, Tag]:
        first, keys = self._stores[0], [context_of(kind) for kind in kinds]
        found: dict[str, Tag] = {}
        for kind, key, standing in zip(
            kinds, keys, await first.standings(tenant, keys), strict=True
        ):
            if standing is None:
                continue
            snapshot = await first.snapshot(tenant, key)
            if snapshot is not None and not snapshot.head.deleted:
                found[kind] = snapshot.head.tag
        return found

    async def replay(
        self, tenant: str, idempotency: Idempotency, about: ContextKey | None = None
    ) -> Outcome | None:
        own = self._routing.of(about.namespace) if about is not None else None
        asked = {
            at: partial(store.replay, tenant, idempotency, about)
            for at, store in enumerate(self._stores)
        }
        found: Outcome | None = None
        for at, known in (await together(asked)).items():
            if isinstance(known, StoreError):
                if own is None or at == own:
                    raise known
            elif known is not None:
                found = structs.replace(known, position=_position(known.position, at))
        return found

    async def forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None = None
    ) -> Head:
        return await self._of(key).forget(tenant, key, before, act)

    # -- what a tenant keeps --------------------------------------------------------------

    async def usage(self, tenant: str) -> Usage:
        found = await all_of(
            {at: partial(one.usage, tenant) for at, one in enumerate(self._stores)}
        )
        self._usages |= {(tenant, at): used for at, used in found.items()}
        return _sum(list(found.values()))

    async def recount(self, tenant: str) -> Usage:
        found = await all_of(
            {at: partial(one.recount, tenant) for at, one in enumerate(self._stores)}
        )
        return _sum(list(found.values()))

    async def _left(self, tenant: str, quota: Quota, store: int) -> Quota:
        """The quota with what the other stores keep; of one that is away, what was known last."""
        others = {
            at: partial(one.usage, tenant) for at, one in enumerate(self._stores) if at != store
        }
        for at, used in (await together(others)).items():
            if not isinstance(used, StoreError):
                self._usages[tenant, at] = used
        known = [self._usages.get((tenant, at), Usage()) for at in others]
        return structs.replace(quota, elsewhere=_sum(known))

    # -- uploads --------------------------------------------------------------------------

    async def keep_chunks(
        self,
        tenant: str,
        key: ContextKey,
        holder: bytes,
        chunks: Sequence[Chunk],
        quota: Quota | None = None,
    ) -> None:
        store = self._routing.of(key.namespace)
        if quota is not None:
            quota = await self._left(tenant, quota, store)
        await self._stores[store].keep_chunks(tenant, key, holder, chunks, quota)

    async def let_go(self, tenant: str, holder: bytes) -> None:
        await all_of(
            {at: partial(one.let_go, tenant, holder) for at, one in enumerate(self._stores)}
        )

    async def held_chunks(
        self, tenant: str, key: ContextKey, hold: Hold, hashes: Sequence[bytes]
    ) -> frozenset[bytes]:
        return await self._of(key).held_chunks(tenant, key, hold, hashes)


def _position(position: int, store: int) -> int:
    return pack([0] * store + [position])


def _sum(used: Sequence[Usage]) -> Usage:
    return Usage(sum(each.contexts for each in used), sum(each.bytes for each in used))


def _spans(first: ContextKey, other: ContextKey, at: int) -> CommitSpansStoresError:
    detail = (
        f"{first} and {other} are kept by different stores, which cannot be written to as one; "
        "send a commit for each"
    )
    return CommitSpansStoresError(detail, errors=(Violation(f"/operations/{at}", detail),))
