"""A store around another one that does nothing of its own: what a decorator begins from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backstory import limits
from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.chunking import Chunk
from backstory.domain.commits import Commit, Idempotency, Outcome
from backstory.domain.content import Hold, Manifest
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author
from backstory.domain.quotas import Quota, Usage
from backstory.domain.subjects import Erasure
from backstory.domain.summaries import Summary
from backstory.ports.store import (
    ChangePage,
    ChangeQuery,
    EntryPage,
    EntryQuery,
    Gone,
    HeadQuery,
    Mark,
    Match,
    MatchText,
    OutlinePage,
    OutlineQuery,
    SearchQuery,
    Standing,
    Store,
    View,
)


class PassingStore:
    """`ports.store.Store`, each call of which goes on to `_store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def epoch(self) -> str:
        return self._store.epoch

    @property
    def first_epoch(self) -> bool:
        return self._store.first_epoch

    @property
    def secret(self) -> bytes:
        return self._store.secret

    async def check(self) -> None:
        await self._store.check()

    async def aclose(self) -> None:
        await self._store.aclose()

    # -- writing -----------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Outcome:
        return await self._store.commit(commit)

    async def usage(self, tenant: str) -> Usage:
        return await self._store.usage(tenant)

    async def recount(self, tenant: str) -> Usage:
        return await self._store.recount(tenant)

    async def replay(
        self, tenant: str, idempotency: Idempotency, about: ContextKey | None = None
    ) -> Outcome | None:
        return await self._store.replay(tenant, idempotency, about)

    async def forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None = None
    ) -> Head:
        return await self._store.forget(tenant, key, before, act)

    async def sweep(self, now: int) -> int:
        return await self._store.sweep(now)

    # -- reading one context -----------------------------------------------------------

    def near(self, tenant: str, key: ContextKey) -> Snapshot | None:
        del tenant, key
        return None

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        return await self._store.snapshot(tenant, key)

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        return await self._store.view(tenant, key, at)

    async def view_and_page(
        self, tenant: str, key: ContextKey, query: EntryQuery
    ) -> tuple[View, EntryPage] | None:
        return await self._store.view_and_page(tenant, key, query)

    async def standings(self, tenant: str, keys: Sequence[ContextKey]) -> Sequence[Standing | None]:
        return await self._store.standings(tenant, keys)

    async def page(self, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:
        return await self._store.page(tenant, chain, query)

    async def outline(self, tenant: str, chain: Chain, query: OutlineQuery) -> OutlinePage:
        return await self._store.outline(tenant, chain, query)

    async def summaries(
        self, tenant: str, chain: Chain, before: int, limit: int
    ) -> Sequence[Summary]:
        return await self._store.summaries(tenant, chain, before, limit)

    async def origin(self, tenant: str, log: int) -> ContextKey | None:
        return await self._store.origin(tenant, log)

    # -- content -----------------------------------------------------------------------

    async def keep_chunks(
        self,
        tenant: str,
        key: ContextKey,
        holder: bytes,
        chunks: Sequence[Chunk],
        quota: Quota | None = None,
    ) -> None:
        await self._store.keep_chunks(tenant, key, holder, chunks, quota)

    async def let_go(self, tenant: str, holder: bytes) -> None:
        await self._store.let_go(tenant, holder)

    async def held_chunks(
        self, tenant: str, key: ContextKey, hold: Hold, hashes: Sequence[bytes]
    ) -> frozenset[bytes]:
        return await self._store.held_chunks(tenant, key, hold, hashes)

    async def manifest(self, tenant: str, root: bytes) -> Manifest:
        return await self._store.manifest(tenant, root)

    async def read_content(self, tenant: str, root: bytes, start: int, stop: int) -> bytes:
        return await self._store.read_content(tenant, root, start, stop)

    async def read_chunk(self, tenant: str, root: bytes, chunk: bytes) -> bytes | None:
        return await self._store.read_chunk(tenant, root, chunk)

    # -- reading the change log --------------------------------------------------------

    async def mark(self, tenant: str) -> Mark:
        return await self._store.mark(tenant)

    async def rights_marks(self, since: int) -> Sequence[tuple[str, bytes]]:
        return await self._store.rights_marks(since)

    async def changes(self, tenant: str, query: ChangeQuery) -> ChangePage:
        return await self._store.changes(tenant, query)

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
        return await self._store.versions(
            tenant, key, after=after, before=before, limit=limit, newest_first=newest_first
        )

    async def version_at(self, tenant: str, key: ContextKey, last_seq: int) -> int:
        return await self._store.version_at(tenant, key, last_seq)

    async def redactions(
        self, tenant: str, key: ContextKey, after: int, upto: int
    ) -> Sequence[int]:
        return await self._store.redactions(tenant, key, after, upto)

    # -- finding -----------------------------------------------------------------------

    async def heads(self, tenant: str, query: HeadQuery) -> Sequence[Head]:
        return await self._store.heads(tenant, query)

    async def tenants(self, after: str = "", limit: int = limits.PAGE_MAX) -> Sequence[str]:
        return await self._store.tenants(after, limit)

    async def matches(self, tenant: str, query: SearchQuery) -> Sequence[Match]:
        return await self._store.matches(tenant, query)

    async def match_text(
        self, tenant: str, match: Match, terms: tuple[str, ...]
    ) -> MatchText | None:
        return await self._store.match_text(tenant, match, terms)

    # -- notes -------------------------------------------------------------------------

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        await self._store.put_note(tenant, name, value, expires_at)

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        return await self._store.swap_note(tenant, name, before, value, expires_at)

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        return await self._store.get_note(tenant, name)

    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]:
        return await self._store.list_notes(tenant, prefix, after, limit)

    async def delete_note(self, tenant: str, name: str) -> None:
        await self._store.delete_note(tenant, name)

    async def keep_apart(self, name: str, expires_at: int) -> None:
        await self._store.keep_apart(name, expires_at)

    async def kept_apart(self) -> Mapping[str, int]:
        return await self._store.kept_apart()

    # -- erasing -----------------------------------------------------------------------

    async def erase(
        self, tenant: str, subject: str, author: Author, gone: Gone | None = None
    ) -> Erasure:
        return await self._store.erase(tenant, subject, author, gone)

    async def finish_erasures(self) -> int:
        return await self._store.finish_erasures()

    async def erasure(self, tenant: str, subject: str) -> Erasure | None:
        return await self._store.erasure(tenant, subject)

    async def is_erased(self, erasure: Erasure) -> bool:
        return await self._store.is_erased(erasure)
