"""One connection to the file, and what every use of it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import apsw

from backstory import limits
from backstory.domain.principals import Author, Trust
from backstory.storage.queries import Queries
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.sqlite.tokenizing import learn_search

QUERIES = Queries.load("backstory.storage.sqlite", "queries.sql")
CONTENT = Queries.load("backstory.storage.sqlite", "content.sql")
Params = Sequence[Any]
Row = tuple[Any, ...]
_K = TypeVar("_K")
_V = TypeVar("_V")


class Database:
    """A connection, with what it has learned of interned names.

    Used by one thread at a time. Driver errors pass through as they are.
    """

    def __init__(
        self, options: SqliteOptions, *, busy_seconds: float, create: bool = False
    ) -> None:
        self.connection = connect(options, busy_seconds=busy_seconds, create=create)
        self._cursor = self.connection.cursor()
        self.tokens = learn_search(self.connection)
        self._tenants: dict[str, int] = {}
        self._authors: dict[int, Author] = {}
        self._author_ids: dict[Author, int] = {}
        self._voices: dict[int, tuple[str, str, Author]] = {}
        self._voice_ids: dict[tuple[int, str, str], int] = {}

    def close(self) -> None:
        self.connection.close()

    # Results are fetched whole: a statement left open would hold on to an old snapshot.

    def one(self, sql: str, *params: Any) -> Row | None:
        """The first row."""
        rows = self._cursor.execute(sql, params).fetchall()
        return rows[0] if rows else None

    def all(self, sql: str, *params: Any) -> list[Row]:
        """All rows."""
        return self._cursor.execute(sql, params).fetchall()

    def run(self, sql: str, *params: Any) -> None:
        """Do it; rows are thrown away."""
        self._cursor.execute(sql, params).fetchall()

    def value(self, sql: str, *params: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, *params)
        return row[0] if row else None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads of one moment."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    # -- interned names --------------------------------------------------------------------

    def forget_names(self) -> None:
        """After a rollback: ids may have been handed out that are now free again."""
        for names in (
            self._tenants,
            self._authors,
            self._author_ids,
            self._voices,
            self._voice_ids,
        ):
            names.clear()

    def tenant(self, name: str) -> int | None:
        """The tenant's id; None where it never wrote anything."""
        known = self._tenants.get(name)
        if known is None:
            known = self.value(QUERIES.find_tenant, name)
            if known is not None:
                _remember(self._tenants, name, known)
        return known

    def author(self, number: int) -> Author:
        known = self._authors.get(number)
        if known is None:
            subject, trust = self.all(QUERIES.author, number)[0]
            known = _remember(self._authors, number, Author(subject, Trust(trust)))
        return known

    def voice(self, number: int) -> tuple[str, str, Author]:
        """Role, type and author of an entry."""
        known = self._voices.get(number)
        if known is None:
            role, kind, author = self.all(QUERIES.voice, number)[0]
            known = _remember(self._voices, number, (role, kind, self.author(author)))
        return known

    def intern_tenant(self, name: str) -> int:
        known = self.tenant(name)
        if known is None:
            known = _remember(self._tenants, name, self.value(QUERIES.add_tenant, name))
        return known

    def intern_author(self, author: Author) -> int:
        known = self._author_ids.get(author)
        if known is None:
            key = (author.subject, int(author.trust))
            known = self.value(QUERIES.find_author, *key)
            if known is None:
                known = self.value(QUERIES.add_author, *key)
            _remember(self._author_ids, author, known)
        return known

    def intern_voice(self, author: int, role: str, kind: str) -> int:
        key = (author, role, kind)
        known = self._voice_ids.get(key)
        if known is None:
            known = self.value(QUERIES.find_voice, *key)
            if known is None:
                known = self.value(QUERIES.add_voice, *key)
            _remember(self._voice_ids, key, known)
        return known


def _remember(names: dict[_K, _V], key: _K, value: _V) -> _V:
    if len(names) >= limits.INTERNED_NAMES:
        names.clear()
    names[key] = value
    return value


def connect(options: SqliteOptions, *, busy_seconds: float, create: bool) -> apsw.Connection:
    """A connection that is durable, erases what it deletes, and never checkpoints by itself."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    connection = apsw.Connection(str(options.path), flags=flags, vfs=options.vfs)
    connection.set_busy_timeout(round(busy_seconds * 1000))
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if connection.pragma("secure_delete") != 1:
        raise apsw.MisuseError("this SQLite does not know secure_delete")
    connection.wal_autocheckpoint(0)
    # Without it, SQLite plans anew for each value that is bound, which takes 30 us.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return connection


_PRAGMAS = (
    "synchronous = FULL",
    "secure_delete = ON",
    "foreign_keys = OFF",  # one writer, one place of truth for what belongs together
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "temp_store = MEMORY",
    f"mmap_size = {limits.MMAP_BYTES}",
    f"cache_size = -{limits.PAGE_CACHE_KIB}",
)
