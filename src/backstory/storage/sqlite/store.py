"""The SQLite store: one writer, a few readers, and a connection for point reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from backstory import limits
from backstory.clock import Clock
from backstory.domain.chains import Chain
from backstory.domain.contexts import Snapshot
from backstory.domain.keys import ContextKey
from backstory.errors import StoreError, StoreFullError, StoreUnavailableError
from backstory.ports.memories import Hits
from backstory.ports.store import EntryPage, EntryQuery, Match, SearchQuery, View
from backstory.resilience.deadlines import detached
from backstory.resilience.stepping import waits
from backstory.storage.meta import Meta
from backstory.storage.sqlite import notes, sweeping
from backstory.storage.sqlite.checkpointer import Checkpointer
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.faults import translate
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.nearby import Near, Nearby
from backstory.storage.sqlite.opening import check_epoch, check_version
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.sqlite.readers import Readers
from backstory.storage.sqlite.transaction import SqliteTransaction
from backstory.storage.sqlite.wal_index import DataVersion
from backstory.storage.sqlite.words import is_lagging
from backstory.storage.sqlite.writer import Writer
from backstory.storage.tables import content_reading, reading
from backstory.storage.tables.database import Database
from backstory.storage.tables.jobs import Committed, unheard
from backstory.storage.tables.safe import Safe
from backstory.storage.tables.store import TableStore
from backstory.storage.tables.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore(TableStore):
    """`ports.store.Store` on one file, which other processes may share.

    Made by `open_store` inside the event loop that uses it, after any fork.
    """

    def __init__(
        self,
        options: SqliteOptions,
        clock: Clock,
        meta: Meta,
        safe: Safe,
        *,
        committed: Committed = unheard,
    ) -> None:
        super().__init__(clock, meta, safe)
        self._options = options
        cipher = self._safe.cipher
        connect = partial(SqliteDatabase, options, busy_seconds=options.lock_seconds, cipher=cipher)
        self._inline = SqliteDatabase(options, busy_seconds=0, cipher=cipher)
        self._locks = [FileLock(options.lock_path, options.lock_seconds) for _ in range(2)]
        self._checkpointer = Checkpointer(connect, self._locks[0], options)
        self._writer = Writer(
            connect, self._locks[1], self._checkpointer, meta.secret, clock, committed=committed
        )
        self._readers = Readers(connect)
        # A VFS that stands for the disk may stand for the index as well.
        looked_at = options.path if options.vfs is None else None
        self._version = DataVersion(looked_at, partial(self._inline.value, "PRAGMA data_version"))
        self._nearby = Nearby(self.data_version)
        self.seen = Hits()
        self._closing: asyncio.Task[None] | None = None

    # -- the store itself --------------------------------------------------------------

    async def check(self) -> None:
        await self._readers.run(check_version)
        await self._readers.run(partial(check_epoch, epoch=self.epoch))
        await self._writer.run(_nothing)
        disk = os.statvfs(self._options.path.parent)
        if disk.f_bavail * disk.f_frsize < limits.FREE_BYTES:
            raise StoreFullError("the disk is full; free some room")

    @property
    def waiting(self) -> Mapping[str, int]:
        """What waits here, by what it waits for."""
        return {
            "writes": self._writer.waiting,
            "reads": self._readers.waiting,
            "erasures": self._writer.unerased,
            "index": self._writer.unfollowed,
        }

    def data_version(self) -> int:
        """A number that changes when any process has written. Takes less than a microsecond.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            return self._version()
        except apsw.Error as error:
            raise translate(error) from error

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), context=detached())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._nearby.clear()
        await self._writer.close()
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._checkpointer.close)
        self._inline.close()
        self._version.close()
        for lock in self._locks:
            lock.close()
        self._safe.close()

    def near(self, tenant: str, key: ContextKey) -> Snapshot | None:
        version = self._looked()
        near = None if version is None else self._nearby.get((tenant, key), version)
        if near is None:
            self.seen.misses += 1
            return None
        self.seen.hits += 1
        return near.snapshot

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        near = await self._near(tenant, key)
        return None if near is None else near.snapshot

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        if at is None:
            near = await self._near(tenant, key)
            if near is None:
                return None
            if near.chain is not None:
                return View(near.snapshot, near.chain)
        return await super().view(tenant, key, at)

    async def _near(self, tenant: str, key: ContextKey) -> Near | None:
        place, version = (tenant, key), self._looked()
        near = None if version is None else self._nearby.get(place, version)
        if near is not None:
            return near
        found = await self._point(reading.find, tenant, key)
        if found is None:
            return None
        near = Near(found.snapshot, None if found.closed else reading.open_chain(found))
        return near if version is None else self._nearby.keep(place, version, near)

    def _looked(self) -> int | None:
        """The data version; None where the read itself knows what to do about it."""
        try:
            return self.data_version()
        except StoreError:
            return None

    async def sweep(self, now: int) -> int:
        return await self._writer.run(lambda tx: sweeping.sweep(tx, now))

    async def matches(self, tenant: str, query: SearchQuery) -> Sequence[Match]:
        lagging = await self._point(is_lagging, tenant)
        if lagging:
            with suppress(StoreError):  # a full disk is no reason to find nothing
                await self._writer.run(partial(_follow, tenant))
        return await super().matches(tenant, query)

    async def read_content(self, tenant: str, root: bytes, start: int, stop: int) -> bytes:
        if stop - start > limits.POINT_BYTES or self._closing is not None:
            return await super().read_content(tenant, root, start, stop)
        waits()
        await asyncio.sleep(0)  # who reads many pieces one after the other takes turns
        db, seal = self._inline, self._seal
        try:
            with db.snapshot():  # a purge meanwhile is no damage
                return content_reading.piece(db, seal, tenant, root, start=start, stop=stop)
        except apsw.Error:  # the file is locked, or a thread tells what is wrong
            return await super().read_content(tenant, root, start, stop)

    async def page(self, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:
        asked, version = (tenant, chain, query), self._looked()
        near = None if version is None else self._nearby.get_page(asked, version)
        if near is not None:
            return near
        read = self._point if _is_short(chain, query) else self._read
        page = await read(reading.page, tenant, chain, query)
        return page if version is None else self._nearby.keep_page(asked, version, page)

    # -- notes ---------------------------------------------------------------------------

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        stored = self._safe.seal(tenant, name, value)
        await self._writer.run(lambda tx: notes.put(tx.db, tenant, name, stored, expires_at))

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        now, safe = self._clock.now(), self._safe
        stored = safe.seal(tenant, name, value)

        def swap(tx: SqliteTransaction) -> bool:
            if safe.unseal(tenant, name, notes.get(tx.db, tenant, name, now)) != before:
                return False
            notes.put(tx.db, tenant, name, stored, expires_at)
            return True

        return await self._writer.run(swap)

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        stored = await self._point(notes.get, tenant, name, self._clock.now())
        return self._safe.unseal(tenant, name, stored)

    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]:
        now = self._clock.now()
        found = await self._read(notes.page, tenant, prefix, after=after, limit=limit, now=now)
        return self._safe.unsealed(tenant, found)

    async def delete_note(self, tenant: str, name: str) -> None:
        await self._writer.run(lambda tx: notes.delete(tx.db, tenant, name))

    # -- how -----------------------------------------------------------------------------

    async def _point(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A read of some microseconds, here and now; where the file is locked, in a thread."""
        if self._closing is not None:
            raise StoreUnavailableError("the store is closed")
        self._inline.refresh()
        try:
            return read(self._inline, *args, **kwargs)
        except apsw.BusyError:
            return await self._readers.run(read, *args, **kwargs)
        except apsw.Error as error:
            raise translate(error) from error

    async def _read(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._readers.run(read, *args, **kwargs)

    async def _ask(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        waits()
        return await asyncio.to_thread(ask, *args, **kwargs)

    async def _read_all(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._readers.run(read, *args, **kwargs)

    async def _write(self, tenant: str, run: Callable[[Transaction], T], weight: int = 0) -> T:
        del tenant  # all of them share the file
        return await self._writer.run(run, weight)

    async def _write_aside(self, tenant: str, run: Callable[[Database, int], T]) -> T:
        return await self._writer.run(lambda tx: run(tx.db, tx.db.intern_tenant(tenant)))


def _is_short(chain: Chain, query: EntryQuery) -> bool:
    """Whether the page has few entries, however large the chain and the limit are."""
    if len(chain.pieces) != 1:
        return False
    piece = chain.pieces[0]
    there = min(piece.last, query.before - 1) - max(piece.first - 1, query.after)
    return min(there, query.limit) <= limits.POINT_ENTRIES


def _follow(tenant: str, tx: SqliteTransaction) -> None:
    number = tx.db.tenant(tenant)
    if number is not None:
        tx.words.follow(number)


def _nothing(tx: SqliteTransaction) -> None:
    tx.db.run(QUERIES.meta)
