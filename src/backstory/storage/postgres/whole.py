"""A whole database as lines, and lines as a whole database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import asyncpg
from asyncpg import Connection, Record

from backstory import ids
from backstory.clock import Clock
from backstory.errors import BackupUnusableError, ConflictError
from backstory.storage.postgres.connecting import connect
from backstory.storage.postgres.encoding import entry_id_from, entry_id_into, seqs_into
from backstory.storage.postgres.faults import FOREIGN, translate
from backstory.storage.postgres.opening import OPENING, prepare
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.waiting import calling
from backstory.storage.queries import Queries
from backstory.storage.tables.safe import Safe
from backstory.storage.whole.checks import look, occupied, pieces
from backstory.storage.whole.lines import Part, Row, Rows, Store, Tenant
from backstory.storage.whole.opening import Opening, opening_of
from backstory.storage.whole.renumbering import Renumbering
from backstory.storage.whole.tables import COUNTED, TABLES, Table

_SQL: Final = Queries.load("backstory.storage.postgres", "whole.sql")
_AT_ONCE: Final = 1000

_Code = Callable[[Any], Any]
_OUT_OF: Final[dict[tuple[str, str], _Code]] = {
    ("authors", "subject"): bytes.decode,
    ("labels", "term"): bytes.decode,
    ("entries", "entry_id"): entry_id_from,
    ("contexts", "deleted"): int,
    ("contexts", "closed"): int,
}
_INTO: Final[dict[tuple[str, str], _Code]] = {
    ("authors", "subject"): str.encode,
    ("labels", "term"): str.encode,
    ("entries", "entry_id"): entry_id_into,
    ("changes", "seqs"): seqs_into,
    ("contexts", "deleted"): bool,
    ("contexts", "closed"): bool,
}
"""Where PostgreSQL's columns are of another type than the lines, which are as SQLite has them."""


async def read(options: PostgresOptions, safe: Safe | None = None) -> AsyncIterator[Part]:
    """All that is in the database at one moment; with its safe, what is encrypted is opened.

    Raises:
        ConflictError: it is encrypted and there is no safe, or something is still being erased.
        KeyUnusableError: it is encrypted, and the safe has not its keys.
        StoreError: it cannot be read.
    """
    connection = await connect(options)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(OPENING.everybody)
            row = await connection.fetchrow(_SQL.store)
            assert row is not None
            erasing = await connection.fetchval(_SQL.erasing)
            look(keyed=row["keyed"], opened=safe is not None, erasing=erasing)
            opening = await calling(opening_of, safe, row["secret"]) if row["keyed"] else None
            yield Store(row["epoch"], row["secret"] if opening is None else opening.secret)
            for name, number in await connection.fetch(_SQL.tenants):
                counter = await connection.fetchrow(_SQL.counter, number) or (0, 0, 0)
                yield Tenant(name, *counter)
                if opening is not None:
                    opening.begin(name, number)
                for table in TABLES.values():
                    async for part in _rows(connection, table, number):
                        for each in [part] if opening is None else await _opened(opening, part):
                            yield each
                    for each in [] if opening is None else await calling(opening.end, table):
                        yield each
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


async def _rows(connection: Connection[Record], table: Table, number: int) -> AsyncIterator[Rows]:
    cursor = await connection.cursor(getattr(_SQL, f"read_{table.name}"), number)
    while rows := await cursor.fetch(_AT_ONCE):
        for some in pieces(_coded(_OUT_OF, table, tuple(row)) for row in rows):
            yield Rows(table, some)


async def _opened(opening: Opening, part: Rows) -> list[Rows]:
    return await calling(opening.rows, part.table, part.rows)


def _coded(codes: dict[tuple[str, str], _Code], table: Table, row: Row) -> Row:
    return tuple(
        value if value is None else codes.get((table.name, column), _same)(value)
        for column, value in zip(table.columns, row, strict=True)
    )


def _same(value: Any) -> Any:
    return value


async def write(options: PostgresOptions, clock: Clock, parts: Iterator[Part]) -> str:
    """Fill a database that has nothing in it, all or nothing; its new epoch.

    Words are not indexed: whoever opens it for search does that.

    Raises:
        ConflictError: there is something in it.
        BackupUnusableError: the lines are not whole.
        StoreError: it cannot be written.
    """
    await prepare(replace(options, search=None), clock)
    await _is_free(options)  # before anything is done to it
    await prepare(replace(options, search=False), clock)
    connection = await connect(options, statements=len(TABLES))
    try:
        async with connection.transaction():
            await connection.execute(OPENING.lock)
            await connection.execute(OPENING.lock_writers)
            await connection.execute(OPENING.everybody)
            await _has_nothing(connection)
            return await _Writer(connection).all(parts)
    except asyncpg.IntegrityConstraintViolationError as error:
        raise BackupUnusableError(f"the lines contradict each other ({error})") from error
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


async def _is_free(options: PostgresOptions) -> None:
    connection = await connect(options)
    try:
        await _has_nothing(connection)
    finally:
        await connection.close()


async def _has_nothing(connection: Connection[Record]) -> None:
    if await connection.fetchval(_SQL.count_tenants):
        raise ConflictError(occupied("that database"))


class _Writer:
    """Writes parts in their order."""

    def __init__(self, connection: Connection[Record]) -> None:
        self._connection = connection
        self._tenant: Tenant | None = None
        self._number = 0
        self._numbers = Renumbering()
        self._last: dict[str, int] = {}

    async def all(self, parts: Iterator[Part]) -> str:
        """Gives the epoch that has begun."""
        epoch = ids.epoch()
        for part in parts:
            match part:
                case Store():
                    await self._connection.execute(_SQL.begin_life, epoch, part.secret)
                case Tenant():
                    await self._end()
                    self._number = await self._connection.fetchval(_SQL.add_tenant, part.tenant)
                    self._tenant, self._numbers = part, Renumbering()
                    self._last = dict.fromkeys(COUNTED, 0)
                case Rows():
                    await self._rows(part.table, part.rows)
        await self._end()
        return epoch

    async def _end(self) -> None:
        """Numbers of all kinds are handed out by one counter, behind the highest."""
        if self._tenant is not None:
            one = self._tenant
            counts = (one.position, max(self._last.values()), one.contexts, one.bytes)
            await self._connection.execute(_SQL.set_counter, self._number, *counts)

    async def _rows(self, table: Table, rows: list[Row]) -> None:
        for row in rows if table.counts is not None else ():
            self._last[table.kinds[0]] += 1
            self._numbers.learn(table.kinds[0], row[0], self._last[table.kinds[0]])
        given = [
            (self._number, *_coded(_INTO, table, self._numbers.row(table, row))) for row in rows
        ]
        await self._connection.executemany(getattr(_SQL, f"write_{table.name}"), given)
