"""The SQLite store: one writer, a few readers, and a connection for point reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from backstory import limits
from backstory.clock import Clock
from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.chunking import Chunk
from backstory.domain.commits import Append, Commit, Idempotency, Outcome, Put, PutContent
from backstory.domain.content import Hold, Manifest
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.keys import ContextKey
from backstory.domain.sealing import Seal
from backstory.domain.summaries import Summary
from backstory.errors import StoreError, StoreFullError, StoreUnavailableError
from backstory.ports.store import (
    ChangePage,
    ChangeQuery,
    EntryPage,
    EntryQuery,
    HeadQuery,
    Mark,
    Match,
    MatchText,
    SearchQuery,
    View,
)
from backstory.storage import chunks as encoding
from backstory.storage.room import Room
from backstory.storage.sqlite import (
    committing,
    content_reading,
    erasure,
    listing,
    notes,
    reading,
    retries,
    search,
    sweeping,
    uploads,
)
from backstory.storage.sqlite.checkpointer import Checkpointer
from backstory.storage.sqlite.database import QUERIES, Database
from backstory.storage.sqlite.faults import translate
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.opening import Meta, check_version
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.sqlite.readers import Readers
from backstory.storage.sqlite.transaction import Transaction
from backstory.storage.sqlite.words import is_lagging
from backstory.storage.sqlite.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """`ports.store.Store` on one file, which other processes may share.

    Made by `open_store` inside the event loop that uses it, after any fork.
    """

    def __init__(self, options: SqliteOptions, clock: Clock, meta: Meta) -> None:
        self._options, self._clock, self._meta = options, clock, meta
        connect = partial(Database, options, busy_seconds=options.lock_seconds)
        self._inline = Database(options, busy_seconds=0)
        self._locks = [FileLock(options.lock_path, options.lock_seconds) for _ in range(2)]
        self._checkpointer = Checkpointer(connect, self._locks[0], options)
        self._writer = Writer(connect, self._locks[1], self._checkpointer, meta.secret, clock)
        self._readers = Readers(connect)
        self._seal = Seal(meta.secret)
        self._room = Room(lambda tenant: self._readers.run(uploads.unfinished, tenant))
        self._closing: asyncio.Task[None] | None = None

    # -- the store itself --------------------------------------------------------------

    @property
    def epoch(self) -> str:
        return self._meta.epoch

    @property
    def first_epoch(self) -> bool:
        return self._meta.first_epoch

    @property
    def secret(self) -> bytes:
        return self._meta.secret

    async def check(self) -> None:
        await self._readers.run(check_version)
        await self._writer.run(_nothing)
        disk = os.statvfs(self._options.path.parent)
        if disk.f_bavail * disk.f_frsize < limits.FREE_BYTES:
            raise StoreFullError("the disk is full; free some room")

    def data_version(self) -> int:
        """A number that changes when any process has written. Takes microseconds.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            value: int = self._inline.value("PRAGMA data_version")
        except apsw.Error as error:
            raise translate(error) from error
        return value

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.close()
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._checkpointer.close)
        self._inline.close()
        for lock in self._locks:
            lock.close()

    # -- writing -----------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Outcome:
        return await self._writer.run(partial(_commit, commit), _weight(commit))

    async def replay(self, tenant: str, idempotency: Idempotency) -> Outcome | None:
        return await self._point(retries.find, tenant, idempotency, self._clock.now())

    async def forget(self, tenant: str, key: ContextKey, before: int) -> Head:
        return await self._writer.run(lambda tx: erasure.forget(tx, tenant, key, before))

    async def sweep(self, now: int) -> int:
        return await self._writer.run(lambda tx: sweeping.sweep(tx, now))

    # -- reading one context -----------------------------------------------------------

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        found = await self._point(reading.find, tenant, key)
        return found.snapshot if found else None

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        if at is None:
            found = await self._point(reading.find, tenant, key)
            if found is None:
                return None
            if not found.closed:
                return View(found.snapshot, reading.chain_now(self._inline, found))
        return await self._readers.run(reading.view, tenant, key, at)

    async def page(self, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:  # noqa: ARG002
        # A chain names logs of its own tenant only; `view` made it.
        if query.limit <= limits.POINT_ENTRIES and len(chain.pieces) == 1:
            return await self._point(reading.page, chain, query)
        return await self._readers.run(reading.page, chain, query)

    async def summaries(
        self,
        tenant: str,  # noqa: ARG002 -- as with `page`
        chain: Chain,
        before: int,
        limit: int,
    ) -> Sequence[Summary]:
        return await self._readers.run(reading.summaries, chain, before, limit)

    async def origin(self, tenant: str, log: int) -> ContextKey | None:
        return await self._point(reading.origin, tenant, log)

    # -- content -----------------------------------------------------------------------

    async def keep_chunks(
        self, tenant: str, key: ContextKey, holder: bytes, chunks: Sequence[Chunk]
    ) -> None:
        hashes = [chunk.ref.hash for chunk in chunks]
        known = await self._readers.run(uploads.known, self._seal, tenant, hashes)
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
        await self._writer.run(lambda tx: uploads.keep(tx, tenant, key, holder, encoded), weight)

    async def let_go(self, tenant: str, holder: bytes) -> None:  # noqa: ARG002
        # A holder is a keyed hash, which no other tenant has.
        while await self._writer.run(lambda tx: uploads.let_go(tx, holder)):
            pass

    async def held_chunks(
        self, tenant: str, hold: Hold, hashes: Sequence[bytes]
    ) -> frozenset[bytes]:
        return await self._readers.run(uploads.held, self._seal, tenant, hold, hashes)

    async def manifest(self, tenant: str, root: bytes) -> Manifest:
        return await self._readers.run(content_reading.manifest, tenant, root)

    async def read_content(self, tenant: str, root: bytes, start: int, stop: int) -> bytes:
        return await self._readers.run(
            content_reading.piece, self._seal, tenant, root, start=start, stop=stop
        )

    async def read_chunk(self, tenant: str, root: bytes, chunk: bytes) -> bytes | None:
        return await self._readers.run(content_reading.chunk, self._seal, tenant, root, chunk)

    # -- reading the change log ----------------------------------------------------------

    async def mark(self, tenant: str) -> Mark:
        return await self._point(listing.mark, tenant, self.epoch)

    async def changes(self, tenant: str, query: ChangeQuery) -> ChangePage:
        return await self._readers.run(listing.changes, tenant, query)

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
        return await self._readers.run(
            listing.versions,
            tenant,
            key,
            after=after,
            before=before,
            limit=limit,
            newest_first=newest_first,
        )

    async def version_at(self, tenant: str, key: ContextKey, last_seq: int) -> int:
        return await self._readers.run(listing.version_at, tenant, key, last_seq)

    async def redactions(
        self, tenant: str, key: ContextKey, after: int, upto: int
    ) -> Sequence[int]:
        return await self._readers.run(listing.redactions, tenant, key, after, upto)

    # -- finding -------------------------------------------------------------------------

    async def heads(self, tenant: str, query: HeadQuery) -> Sequence[Head]:
        return await self._readers.run(listing.heads, tenant, query, self._clock.now())

    async def tenants(self, after: str = "", limit: int = limits.PAGE_MAX) -> Sequence[str]:
        return await self._readers.run(listing.tenants, after, limit)

    async def matches(self, tenant: str, query: SearchQuery) -> Sequence[Match]:
        lagging = await self._point(is_lagging, tenant)
        if lagging:
            with suppress(StoreError):  # a full disk is no reason to find nothing
                await self._writer.run(partial(_follow, tenant))
        return await self._readers.run(search.matches, tenant, query, self._clock.now())

    async def match_text(
        self, tenant: str, match: Match, terms: tuple[str, ...]
    ) -> MatchText | None:
        return await self._readers.run(search.match_text, tenant, match, terms)

    # -- notes ---------------------------------------------------------------------------

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        await self._writer.run(lambda tx: notes.put(tx.db, tenant, name, value, expires_at))

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        now = self._clock.now()
        return await self._writer.run(
            lambda tx: notes.swap(
                tx.db, tenant, name, before=before, value=value, expires_at=expires_at, now=now
            )
        )

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        return await self._point(notes.get, tenant, name, self._clock.now())

    async def delete_note(self, tenant: str, name: str) -> None:
        await self._writer.run(lambda tx: notes.delete(tx.db, tenant, name))

    # -- how -----------------------------------------------------------------------------

    async def _point(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A read of some microseconds, here and now; where the file is locked, in a thread."""
        if self._closing is not None:
            raise StoreUnavailableError("the store is closed")
        try:
            return read(self._inline, *args, **kwargs)
        except apsw.BusyError:
            return await self._readers.run(read, *args, **kwargs)
        except apsw.Error as error:
            raise translate(error) from error


def _commit(commit: Commit, tx: Transaction) -> Outcome:
    return committing.commit(tx, commit)


def _follow(tenant: str, tx: Transaction) -> None:
    number = tx.db.tenant(tenant)
    if number is not None:
        tx.words.follow(number)


def _nothing(tx: Transaction) -> None:
    tx.db.run(QUERIES.meta)


def _weight(commit: Commit) -> int:
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
