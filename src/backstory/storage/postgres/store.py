"""The PostgreSQL store: a pool of connections, a writer with a queue for each tenant."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from asyncpg import Connection, Record

from backstory import limits
from backstory.clock import Clock, SystemClock
from backstory.domain.commits import Commit, Outcome
from backstory.domain.keys import ContextKey
from backstory.errors import OutcomeUnknownError
from backstory.ports.staleness import allowed
from backstory.ports.store import Standing
from backstory.resilience.breaker import Breaker
from backstory.resilience.deadlines import detached, remaining
from backstory.resilience.retrying import retried
from backstory.storage.postgres.connecting import Connections, connect, roll_back
from backstory.storage.postgres.database import PostgresDatabase
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.faults import BACKOFF, FOREIGN, again, is_refusal
from backstory.storage.postgres.foreseeing import foresee
from backstory.storage.postgres.noting import UNKNOWN, Noting, tenant_of
from backstory.storage.postgres.opening import (
    Opened,
    check_epoch,
    check_server,
    check_version,
    prepare,
)
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.standings import Standings
from backstory.storage.postgres.transacting import Transacting
from backstory.storage.postgres.transaction import PostgresTransaction
from backstory.storage.postgres.vacuuming import Vacuum
from backstory.storage.postgres.vault import PostgresVault
from backstory.storage.postgres.waiting import calling
from backstory.storage.postgres.walls import EVERYBODY, number_of, said, whose
from backstory.storage.postgres.writer import Writer
from backstory.storage.tables import committing, uploads
from backstory.storage.tables.database import Database, Names, Row
from backstory.storage.tables.expiring import expire_one
from backstory.storage.tables.jobs import Committed, unheard
from backstory.storage.tables.safe import Safe
from backstory.storage.tables.store import TableStore, weight_of
from backstory.storage.tables.transaction import Transaction
from backstory.storage.tokenizing import words

P = ParamSpec("P")
T = TypeVar("T")


class PostgresStore(Noting, TableStore):
    """`ports.store.Store` on a database that any number of nodes share. Made by `open_store`."""

    def __init__(
        self,
        clock: Clock,
        opened: Opened,
        connections: Connections,
        safe: Safe,
        *,
        committed: Committed = unheard,
    ) -> None:
        super().__init__(clock, opened.meta, safe)
        self._connections, self._names = connections, Names()
        self._standings = Standings(connections, self._names)
        self._vacuum = Vacuum(connections)
        self._begin = partial(_begin, opened.synchronous_commit)
        transacting = Transacting(
            connections,
            self._begin,
            opened.synchronous_commit if opened.timeless else None,
            seal=self._seal,
            clock=clock,
            foresee=foresee,
            cipher=safe.cipher,
        )
        self._writer = Writer(transacting, self._vacuum.wanted, committed)
        self._closing: asyncio.Task[None] | None = None

    # -- the store itself --------------------------------------------------------------

    @property
    def waiting(self) -> Mapping[str, int]:
        """What waits here, by what it waits for."""
        return {
            "writes": self._writer.waiting,
            "reads": self._connections.waiting,
            "standings": self._standings.waiting,
            "erasures": self._writer.unerased,
        }

    @property
    def sizes(self) -> tuple[int, int]:
        """How many connections are busy, and how many are idle."""
        return self._connections.sizes

    async def check(self) -> None:
        async with self._connections.borrow() as connection:
            await check_server(connection)
            await check_version(connection)
            await check_epoch(connection, self.epoch)

    async def time(self) -> float:
        """The server's, in seconds since the Unix epoch.

        Raises:
            StoreError: it cannot be asked.
        """
        async with self._connections.borrow() as connection:
            return float(await connection.fetchval(QUERIES.clock))

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), context=detached())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.close()
        await self._standings.close()
        await self._vacuum.close()
        await self._connections.close()
        self._safe.close()

    # -- how ---------------------------------------------------------------------------

    async def _point(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async def once() -> T:
            async with self._connections.borrow() as connection:
                db = self._database(connection)
                db.whose = whose(await number_of(connection, self._names, args))
                return await calling(read, db, *args, **kwargs)

        return await self._retried(once)

    async def _read(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async def once() -> T:
            async with self._connections.borrow() as connection:
                tenant = whose(await number_of(connection, self._names, args))
                await connection.execute(
                    begin_reading(remaining(self._connections.seconds), tenant)
                )
                db = self._database(connection)
                try:
                    return await calling(read, db, *args, **kwargs)
                finally:
                    await roll_back(connection)

        return await self._retried(once)

    async def _read_all(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async def once() -> T:
            async with self._connections.borrow() as connection:
                await connection.execute(
                    begin_reading(remaining(self._connections.seconds), EVERYBODY)
                )
                try:
                    return await calling(read, self._database(connection), *args, **kwargs)
                finally:
                    await roll_back(connection)

        return await self._retried(once)

    def _database(self, connection: Connection[Record]) -> PostgresDatabase:
        return PostgresDatabase(connection, self._names, words, cipher=self._safe.cipher)

    async def _ask(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await calling(ask, *args, **kwargs)

    async def _retried(self, read: Callable[[], Awaitable[T]]) -> T:
        return await retried(read, again, BACKOFF, seconds=self._connections.seconds)

    async def _write(self, tenant: str, run: Callable[[Transaction], T], weight: int = 0) -> T:
        return await self._writer.run(tenant, run, weight=weight)

    async def _write_aside(self, tenant: str, run: Callable[[Database, int], T]) -> T:
        async with self._connections.borrow() as connection:
            db = PostgresDatabase(connection, self._names, words)
            number = await calling(tenant_of, db, tenant)
            await connection.execute(self._begin(remaining(self._connections.seconds), number))
            try:
                found = await calling(_flushed, db, run, number)
                await connection.execute(QUERIES.commit)
            except BaseException as error:
                await roll_back(connection)
                if isinstance(error, FOREIGN) and not is_refusal(error):
                    raise OutcomeUnknownError(UNKNOWN, retry_after=1) from error
                raise
        return found

    # -- reading -----------------------------------------------------------------------

    async def standings(self, tenant: str, keys: Sequence[ContextKey]) -> Sequence[Standing | None]:
        ask = partial(self._standings.ask, tenant, keys)
        # Whoever may be given a copy is not kept waiting for the truth.
        return await (ask() if allowed() else self._retried(ask))

    # -- writing -----------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Outcome:
        job = partial(_commit, commit)
        return await self._writer.run(commit.tenant, job, about=commit, weight=weight_of(commit))

    async def sweep(self, now: int) -> int:
        due: dict[str, list[int]] = defaultdict(list)
        for tenant, number in await self._rows(QUERIES.expiring, now, limits.SWEEP_CONTEXTS):
            due[tenant].append(number)
        expired = 0
        for tenant, numbers in due.items():
            expired += await self._writer.run(tenant, partial(_expire, numbers, now))
        await self._rows(QUERIES.drop_idempotency, now)
        await self._rows(QUERIES.drop_notes, now)
        ended = uploads.ended(now)
        old = await self._rows(QUERIES.upload_tenants_before, ended, limits.SWEEP_UPLOADS)
        for (tenant,) in old:
            await self._writer.run(tenant, partial(_end_uploads, ended))
        for (tenant,) in await self._rows(QUERIES.tenants_erasing):
            await self._writer.run(tenant, _erase)
        return expired

    async def _rows(self, sql: str, *params: int) -> Sequence[Row]:
        """What concerns all tenants."""
        async with self._connections.borrow() as connection:
            rows: Sequence[Row] = await connection.fetch(said(sql), *params, EVERYBODY)
            return rows


async def open_store(
    where: PostgresOptions | str,
    *,
    clock: Clock | None = None,
    search: bool | None = None,
    breaker: Breaker | None = None,
    committed: Committed = unheard,
    safe: Safe | None = None,
) -> PostgresStore:
    """Open the database, whose tables are made where it is empty, in the running event loop.

    `breaker` is what keeps callers from a server that is away; `committed` hears of each
    transaction that writes. `safe` has the keys, and is closed with the store; without one
    nothing is encrypted.

    Raises:
        StoreCorruptError: there are tables, but not Backstory's.
        SchemaVersionError: another release made them.
        StoreUnavailableError: the server cannot be reached, is a standby, or would lose what
            it acknowledged.
        KeyUnusableError: the store is encrypted, and the keys are not in the safe.
    """
    options = where if isinstance(where, PostgresOptions) else PostgresOptions(where)
    if search is not None:
        options = replace(options, search=search)
    clock = clock or SystemClock()
    safe = safe or Safe(partial(PostgresVault, options))
    try:
        await calling(safe.open)
        opened = await prepare(options, clock, safe.cipher)
        connections = Connections(
            options,
            partial(_look, options),
            partial(check_epoch, epoch=opened.meta.epoch),
            breaker or Breaker("database"),
        )
        await connections.open()
    except BaseException:
        safe.close()
        raise
    store = PostgresStore(clock, opened, connections, safe, committed=committed)
    try:  # what was erased stays erased, also where the database was restored from a backup
        await store.finish_erasures()
    except BaseException:
        await store.aclose()
        raise
    return store


async def _look(options: PostgresOptions) -> None:
    """Ask the server on a new connection whether it is there, and is the primary.

    Somebody waits, so who keeps others waiting and is not there any more is ended as well.
    Behind a pooler, only whether the pooler is: its own queue may be long.

    Raises:
        StoreUnavailableError: it is not, or there was none to be had.
    """
    connection = await connect(options, seconds=limits.CHECK_SECONDS)
    try:
        if not options.pgbouncer:
            await check_server(connection)
            await connection.execute(QUERIES.end_the_cut_off, _milliseconds(options.seconds))
    finally:
        connection.terminate()


def _begin(synchronous_commit: str, seconds: float, tenant: int) -> str:
    return QUERIES.begin.format(
        milliseconds=_milliseconds(seconds),
        synchronous_commit=synchronous_commit,
        tenant=tenant,
    )


def begin_reading(seconds: float, tenant: str) -> str:
    """The statement that begins a read about one tenant, or about all of them (walls.py)."""
    return QUERIES.begin_reading.format(milliseconds=_milliseconds(seconds), tenant=tenant)


def _milliseconds(seconds: float) -> int:
    """What a statement may take, so that the server gives it up before we do."""
    return max(1, round(seconds * limits.STATEMENT_SHARE * 1000))


def _flushed(db: PostgresDatabase, run: Callable[[Database, int], T], number: int) -> T:
    found = run(db, number)
    db.flush()
    return found


def _commit(commit: Commit, tx: PostgresTransaction) -> Outcome:
    return committing.commit(tx, commit)


def _expire(numbers: list[int], now: int, tx: PostgresTransaction) -> int:
    return sum(expire_one(tx, tx.tenant, number, now) for number in numbers)


def _end_uploads(ended: int, tx: PostgresTransaction) -> None:
    rows = tx.db.all(QUERIES.uploads_before, tx.tenant, ended, limits.SWEEP_UPLOADS)
    tx.writing = True
    uploads.end(tx, rows)
    tx.writing = False


def _erase(tx: PostgresTransaction) -> None:
    """What is left over from another life: the writer goes on with it."""
    tx.erased = True
