"""A whole file as lines, and lines as a whole file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import apsw

from backstory import ids
from backstory.clock import Clock
from backstory.errors import BackupUnusableError, ConflictError, StoreUnavailableError
from backstory.storage.queries import Queries
from backstory.storage.sqlite.database import connect
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.opening import prepare
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.tables.safe import Safe
from backstory.storage.whole.checks import look, occupied, pieces
from backstory.storage.whole.lines import Part, Row, Rows, Store, Tenant
from backstory.storage.whole.opening import opening_of
from backstory.storage.whole.renumbering import Renumbering
from backstory.storage.whole.tables import TABLES, Table

_SQL: Final = Queries.load("backstory.storage.sqlite", "whole.sql")


def read(options: SqliteOptions, safe: Safe | None = None) -> Iterator[Part]:
    """All that is in the file at one moment; with its safe, what is encrypted is opened.

    Raises:
        ConflictError: it is encrypted and there is no safe, or something is still being erased.
        KeyUnusableError: it is encrypted, and the safe has not its keys.
        StoreError: it cannot be read.
    """
    with _connected(options) as connection:
        connection.execute("BEGIN")
        epoch, secret, keyed = _one(connection, _SQL.store)
        look(keyed=bool(keyed), opened=safe is not None, erasing=_one(connection, _SQL.erasing)[0])
        opening = opening_of(safe, secret) if keyed else None
        yield Store(epoch, secret if opening is None else opening.secret)
        found: list[Any] = connection.execute(_SQL.tenants).fetchall()
        for name, number in found:
            whose = {"number": number, "name": name}
            counter = connection.execute(_SQL.counter, whose).fetchone() or (0, 0, 0)
            yield Tenant(name, *counter)
            if opening is not None:
                opening.begin(name, number)
            for table in TABLES.values():
                rows = connection.execute(getattr(_SQL, f"read_{table.name}"), whose)
                for some in pieces(rows):
                    yield from [Rows(table, some)] if opening is None else opening.rows(table, some)
                yield from () if opening is None else opening.end(table)


def write(options: SqliteOptions, clock: Clock, parts: Iterator[Part]) -> str:
    """Fill a file that is not there, or has nothing in it, all or nothing; its new epoch.

    Words are not indexed: whoever opens it for search does that.

    Raises:
        ConflictError: there is something in it.
        BackupUnusableError: the lines are not whole.
        StoreError: it cannot be written.
    """
    is_new = not options.path.exists()
    if not is_new:
        _is_free(options, clock)
    try:
        prepare(replace(options, search=False), clock)
        return _write(options, parts)
    except BaseException:
        if is_new:
            for ending in ("", "-wal", "-shm", ".lock"):
                options.path.with_name(options.path.name + ending).unlink(missing_ok=True)
        raise


def _is_free(options: SqliteOptions, clock: Clock) -> None:
    """Before anything is done to it."""
    prepare(replace(options, search=None), clock)
    with _connected(options) as connection:
        _has_nothing(connection, options)


def _has_nothing(connection: apsw.Connection, options: SqliteOptions) -> None:
    if _one(connection, _SQL.count_tenants)[0]:
        raise ConflictError(occupied(str(options.path)))


def _write(options: SqliteOptions, parts: Iterator[Part]) -> str:
    lock = FileLock(options.lock_path, options.lock_seconds)
    try:
        with lock, _connected(options) as connection:
            connection.execute("BEGIN IMMEDIATE")
            _has_nothing(connection, options)
            epoch = _Writer(connection).all(parts)
            connection.execute("COMMIT")
            return epoch
    finally:
        lock.close()


class _Writer:
    """Writes parts in their order."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection, self._numbers = connection, Renumbering()
        self._whose: dict[str, Any] = {}
        self._last: dict[str, int] = {}

    def all(self, parts: Iterator[Part]) -> str:
        """Gives the epoch that has begun."""
        epoch = ids.epoch()
        for part in parts:
            match part:
                case Store():
                    given = {"epoch": epoch, "secret": part.secret}
                    self._connection.execute(_SQL.begin_life, given)
                case Tenant():
                    self._begin(part)
                case Rows():
                    self._rows(part.table, part.rows)
        return epoch

    def _begin(self, tenant: Tenant) -> None:
        number = _one(self._connection, _SQL.add_tenant, {"name": tenant.tenant})[0]
        self._whose = {"number": number, "tenant": tenant.tenant}
        counter = {"position": tenant.position, "contexts": tenant.contexts, "bytes": tenant.bytes}
        self._connection.execute(_SQL.set_counter, self._whose | counter)
        self._numbers = Renumbering()
        lasts = {"context": _SQL.last_context, "manifest": _SQL.last_manifest}
        lasts["chunk"] = _SQL.last_chunk
        self._last = {kind: _one(self._connection, sql)[0] for kind, sql in lasts.items()}

    def _rows(self, table: Table, rows: list[Row]) -> None:
        sql = getattr(_SQL, f"write_{table.name}")
        if table.name in {"authors", "voices"}:
            for row in rows:
                self._intern(table, sql, row)
            return
        self._connection.executemany(sql, [self._named(table, row) for row in rows])

    def _named(self, table: Table, row: Row) -> dict[str, Any]:
        kind = table.counts
        if kind is not None:
            self._last[kind] += 1
            self._numbers.learn(kind, row[0], self._last[kind])
        return dict(zip(table.columns, self._numbers.row(table, row), strict=True)) | self._whose

    def _intern(self, table: Table, sql: str, row: Row) -> None:
        """Authors and voices of which there may be the same already."""
        kind = table.kinds[0]
        values = dict(zip(table.columns[1:], row[1:], strict=True)) | self._whose
        if "author" in values:
            values["author"] = self._numbers.number("author", values["author"])
        find = _SQL.find_author if kind == "author" else _SQL.find_voice
        found = self._connection.execute(find, values).fetchone()
        number = found[0] if found else _one(self._connection, sql, values)[0]
        self._numbers.learn(kind, row[0], number)


@contextmanager
def _connected(options: SqliteOptions) -> Iterator[apsw.Connection]:
    if not options.path.exists():
        raise StoreUnavailableError(f"there is no store at {options.path}")
    try:
        connection = connect(options, busy_seconds=options.lock_seconds, create=False)
        try:
            yield connection
        finally:
            connection.close()
    except apsw.ConstraintError as error:
        raise BackupUnusableError(f"the lines contradict each other ({error})") from error
    except apsw.Error as error:
        raise at(options.path, error) from error


def _one(
    connection: apsw.Connection, sql: str, given: dict[str, Any] | None = None
) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(sql, given or {}).fetchall()[0]
    return row
