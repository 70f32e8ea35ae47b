"""What all stores on SQL do alike: each call of the port as a read, a point read or a write."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from backstory import limits
from backstory.clock import Clock
from backstory.domain.audit import Block, Tip, Written
from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.chunking import Chunk
from backstory.domain.commits import Append, Commit, Idempotency, Outcome, Put, PutContent
from backstory.domain.content import Hold, Manifest
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.keys import ContextKey
from backstory.domain.quotas import Quota, Usage
from backstory.domain.summaries import Summary
from backstory.ports.audits import Addition, Resolved
from backstory.ports.scrubbing import Looked, Place
from backstory.ports.store import (
    ChangePage,
    ChangeQuery,
    EntryPage,
    EntryQuery,
    HeadQuery,
    Mark,
    Match,
    MatchText,
    OutlinePage,
    OutlineQuery,
    SearchQuery,
    Standing,
    View,
)
from backstory.storage import chunks as encoding
from backstory.storage.meta import Meta
from backstory.storage.room import Room
from backstory.storage.tables import (
    auditing,
    committing,
    content_reading,
    counting,
    erasure,
    listing,
    reading,
    retries,
    scrubbing,
    search,
    uploads,
)
from backstory.storage.tables.database import Database
from backstory.storage.tables.rotating import RotatingStore
from backstory.storage.tables.safe import Safe

P = ParamSpec("P")
T = TypeVar("T")


class TableStore(RotatingStore):
    """Most of `ports.store.Store`; notes, sweeping and its own life are each store's matter."""

    def __init__(self, clock: Clock, meta: Meta, safe: Safe) -> None:
        super().__init__(clock, meta, safe)
        self._room = Room(lambda tenant: self._read(uploads.unfinished, tenant))

    @property
    def epoch(self) -> str:
        return self._meta.epoch

    @property
    def first_epoch(self) -> bool:
        return self._meta.first_epoch

    @property
    def secret(self) -> bytes:
        return self._meta.secret

    # -- how ---------------------------------------------------------------------------

    @abstractmethod
    async def _point(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A read of one statement, or of few that may see different moments."""

    # -- writing -----------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Outcome:
        return await self._write(
            commit.tenant, lambda tx: committing.commit(tx, commit), weight_of(commit)
        )

    async def usage(self, tenant: str) -> Usage:
        return await self._point(counting.usage, tenant)

    async def recount(self, tenant: str) -> Usage:
        return await self._write(tenant, lambda tx: counting.recount(tx, tenant))

    async def replay(
        self, tenant: str, idempotency: Idempotency, about: ContextKey | None = None
    ) -> Outcome | None:
        del about  # all of it is here
        return await self._point(retries.find, tenant, idempotency, self._clock.now())

    async def forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None = None
    ) -> Head:
        return await self._write(tenant, lambda tx: erasure.forget(tx, tenant, key, before, act))

    # -- reading one context -----------------------------------------------------------

    def near(self, tenant: str, key: ContextKey) -> Snapshot | None:
        del tenant, key
        return None

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        found = await self._point(reading.find, tenant, key)
        return found.snapshot if found else None

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        if at is None:
            found = await self._point(reading.find, tenant, key)
            if found is None:
                return None
            if not found.closed:
                return View(found.snapshot, reading.open_chain(found))
        return await self._read(reading.view, tenant, key, at)

    async def view_and_page(
        self, tenant: str, key: ContextKey, query: EntryQuery
    ) -> tuple[View, EntryPage] | None:
        view = await self.view(tenant, key)
        return None if view is None else (view, await self.page(tenant, view.chain, query))

    async def standings(self, tenant: str, keys: Sequence[ContextKey]) -> Sequence[Standing | None]:
        return await self._point(reading.standings, tenant, keys)

    async def page(self, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:
        return await self._read(reading.page, tenant, chain, query)

    async def outline(self, tenant: str, chain: Chain, query: OutlineQuery) -> OutlinePage:
        return await self._point(reading.outline, tenant, chain, query)

    async def summaries(
        self, tenant: str, chain: Chain, before: int, limit: int
    ) -> Sequence[Summary]:
        return await self._read(reading.summaries, tenant, chain, before, limit)

    async def origin(self, tenant: str, log: int) -> ContextKey | None:
        return await self._point(reading.origin, tenant, log)

    # -- content -----------------------------------------------------------------------

    async def keep_chunks(
        self,
        tenant: str,
        key: ContextKey,
        holder: bytes,
        chunks: Sequence[Chunk],
        quota: Quota | None = None,
    ) -> None:
        hashes = [chunk.ref.hash for chunk in chunks]
        known = await self._read(uploads.known, self._seal, tenant, key, hashes)
        fresh = [chunk for chunk in chunks if chunk.ref.hash not in known]
        await self._room.require(tenant, [chunk.ref.size for chunk in fresh])
        encoded = await asyncio.to_thread(encoding.encode, fresh)
        # Should one of those vanish before the writer comes to it, it is stored as it is.
        encoded += [
            (chunk.ref, encoding.Codec.RAW, chunk.data)
            for chunk in chunks
            if chunk.ref.hash in known
        ]
        weight = sum(len(body) for _, _, body in encoded)
        keep = partial(
            uploads.keep,
            tenant=tenant,
            key=key,
            holder=holder,
            chunks=encoded,
            fresh=frozenset(chunk.ref.hash for chunk in fresh),
            quota=quota,
        )
        await self._write(tenant, keep, weight)

    async def let_go(self, tenant: str, holder: bytes) -> None:
        while await self._write(tenant, lambda tx: uploads.let_go(tx, tenant, holder)):
            pass

    async def held_chunks(
        self, tenant: str, key: ContextKey, hold: Hold, hashes: Sequence[bytes]
    ) -> frozenset[bytes]:
        return await self._read(uploads.held, self._seal, tenant, key, hold=hold, hashes=hashes)

    async def manifest(self, tenant: str, root: bytes) -> Manifest:
        return await self._read(content_reading.manifest, tenant, root)

    async def read_content(self, tenant: str, root: bytes, start: int, stop: int) -> bytes:
        return await self._read(
            content_reading.piece, self._seal, tenant, root, start=start, stop=stop
        )

    async def read_chunk(self, tenant: str, root: bytes, chunk: bytes) -> bytes | None:
        return await self._read(content_reading.chunk, self._seal, tenant, root, chunk)

    async def scrub(self, place: Place) -> Looked:
        """As `ports.scrubbing.Scrubs` says."""
        return await self._read_all(scrubbing.look, self._seal, place)

    # -- reading the change log ----------------------------------------------------------

    async def mark(self, tenant: str) -> Mark:
        return await self._point(listing.mark, tenant, self.epoch)

    async def rights_marks(self, since: int) -> Sequence[tuple[str, bytes]]:
        return await self._point(listing.rights_marks, since)

    async def changes(self, tenant: str, query: ChangeQuery) -> ChangePage:
        return await self._read(listing.changes, tenant, query)

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
        return await self._read(
            listing.versions,
            tenant,
            key,
            after=after,
            before=before,
            limit=limit,
            newest_first=newest_first,
        )

    async def version_at(self, tenant: str, key: ContextKey, last_seq: int) -> int:
        return await self._read(listing.version_at, tenant, key, last_seq)

    async def redactions(
        self, tenant: str, key: ContextKey, after: int, upto: int
    ) -> Sequence[int]:
        return await self._read(listing.redactions, tenant, key, after, upto)

    # -- finding -------------------------------------------------------------------------

    async def heads(self, tenant: str, query: HeadQuery) -> Sequence[Head]:
        return await self._read(listing.heads, tenant, query, self._clock.now())

    async def tenants(self, after: str = "", limit: int = limits.PAGE_MAX) -> Sequence[str]:
        return await self._read_all(listing.tenants, after, limit)

    async def matches(self, tenant: str, query: SearchQuery) -> Sequence[Match]:
        return await self._read(search.matches, tenant, query, self._clock.now())

    async def match_text(
        self, tenant: str, match: Match, terms: tuple[str, ...]
    ) -> MatchText | None:
        return await self._read(search.match_text, tenant, match, terms)

    # -- the audit trail -------------------------------------------------------------------

    @abstractmethod
    async def _write_aside(self, tenant: str, run: Callable[[Database, int], T]) -> T:
        """A transaction that needs no position; `run` is given the tenant's number."""

    async def audit_tip(self, tenant: str) -> Tip | None:
        return await self._point(auditing.tip, tenant)

    async def audit_written(self, tenant: str, after: int, limit: int) -> Sequence[Written]:
        return await self._read(auditing.written, self._seal, tenant, after, limit)

    async def audit_acts(self, tenant: str, limit: int) -> Sequence[tuple[bytes, bytes]]:
        return await self._point(auditing.acts, tenant, limit)

    async def keep_act(self, tenant: str, at: int, event: bytes) -> None:
        await self._write_aside(tenant, lambda db, no: auditing.keep_act(db, no, at, event))

    async def add_audit(self, tenant: str, before: Tip | None, addition: Addition) -> bool:
        return await self._write_aside(
            tenant, lambda db, no: auditing.add(db, self._seal, no, before, addition)
        )

    async def audit_blocks(self, tenant: str, seq: int, limit: int) -> Sequence[Block]:
        return await self._read(auditing.blocks, tenant, seq, limit, down=False)

    async def audit_blocks_down(self, tenant: str, seq: int, limit: int) -> Sequence[Block]:
        return await self._read(auditing.blocks, tenant, seq, limit, down=True)

    async def drop_audit(
        self, tenant: str, tip: Tip, upto: int, checkpoint: bytes, before_day: int
    ) -> bool:
        return await self._write_aside(
            tenant,
            lambda db, no: auditing.drop(db, no, tip, upto, checkpoint, before_day=before_day),
        )

    async def resolve_audit(
        self, tenant: str, hashes: Sequence[bytes], contexts: Sequence[int], authors: Sequence[int]
    ) -> Resolved:
        return await self._read(auditing.resolve, tenant, hashes, contexts, authors)

    async def audit_histories(self, tenant: str, contexts: Sequence[int]) -> Mapping[int, int]:
        return await self._read(auditing.histories, tenant, contexts)

    async def erase_audit_names(self, tenant: str, namespace: str) -> None:
        await self._write_aside(
            tenant, lambda db, no: db.run(db.sql.drop_audit_names, no, namespace)
        )

    async def unsealed(self, limit: int) -> Sequence[str]:
        return await self._read_all(auditing.unsealed, limit)

    async def audited(self, after: str = "", limit: int = limits.PAGE_MAX) -> Sequence[str]:
        return await self._read_all(auditing.audited, after, limit)


def weight_of(commit: Commit) -> int:
    """About the bytes that a commit writes."""
    weight = 0
    for operation in commit.operations:
        if isinstance(operation, Append):
            weight += sum(entry.size for entry in operation.entries)
        elif isinstance(operation, Put):
            weight += len(operation.state)
        elif isinstance(operation, PutContent) and operation.content is not None:
            weight += len(operation.content.manifest.packed)
        else:
            weight += limits.KIB
    return weight
