"""One connection to the file, and what every use of it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw

from backstory import limits
from backstory.encryption.cipher import Cipher
from backstory.storage import contents
from backstory.storage.queries import Queries
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.sqlite.tokenizing import learn_search
from backstory.storage.tables import sealing
from backstory.storage.tables.database import Database, remember
from backstory.storage.tokens import Phrase

QUERIES = Queries.load(
    "backstory.storage.sqlite", "queries.sql", "content.sql", "audit.sql", "scrub.sql"
)
Row = tuple[Any, ...]
_APART = frozenset(
    {
        QUERIES.find_author,
        QUERIES.find_voice,
        QUERIES.add_voice,
        QUERIES.find_context,
        QUERIES.tag_of,
        QUERIES.counter,
        QUERIES.set_counter,
        QUERIES.find_idempotency,
        QUERIES.add_idempotency,
        QUERIES.add_entry,
        QUERIES.add_change,
    }
)
"""What an append asks for and writes. None of it sees a row of a context that is known already."""


class SqliteDatabase(Database):
    """A connection, with what it has learned of interned names.

    Used by one thread at a time. Driver errors pass through as they are.
    """

    sql = QUERIES

    def __init__(
        self,
        options: SqliteOptions,
        *,
        busy_seconds: float,
        create: bool = False,
        cipher: Cipher | None = None,
    ) -> None:
        super().__init__(cipher=cipher)
        self.connection = connect(options, busy_seconds=busy_seconds, create=create)
        self._cursor = self.connection.cursor()
        self._put_off: dict[tuple[int, int], tuple[Any, ...]] = {}
        """The last statement about each of these rows, to be run before anybody sees them."""
        self.tokens, self.spelled = learn_search(self.connection)

    def close(self) -> None:
        self.connection.close()

    # Results are fetched whole: a statement left open would hold on to an old snapshot.

    def one(self, sql: str, *params: Any) -> Row | None:
        rows = self.all(sql, *params)
        return rows[0] if rows else None

    def all(self, sql: str, *params: Any) -> list[Row]:
        if self._put_off and sql not in _APART:
            self.catch_up()
        return self._cursor.execute(sql, params).fetchall()

    def each(self, sql: str, *params: Any) -> Iterator[Row]:
        self.catch_up()
        cursor = self.connection.execute(sql, params)
        try:
            yield from cursor
        finally:
            cursor.close(True)

    def run(self, sql: str, *params: Any) -> None:
        self.all(sql, *params)

    def put_off(self, sql: str, tenant: int, context: int, *params: Any) -> None:
        """Run it later, unless the same is said of the row once more before."""
        self._put_off[tenant, context] = (sql, tenant, context, *params)

    def catch_up(self) -> None:
        """Run what was put off, before anybody looks at it."""
        while self._put_off:
            _, (sql, *params) = self._put_off.popitem()
            self._cursor.execute(sql, params).fetchall()

    def forget_names(self) -> None:
        super().forget_names()
        self._put_off.clear()

    def insert(self, sql: str, tenant: int, *params: Any) -> int:
        number: int = self.value(sql, tenant, *params)
        return number

    def intern_tenant(self, name: str) -> int:
        known = self.tenant(name)
        if known is None:
            known = remember(self.names.tenants, name, self.value(QUERIES.add_tenant, name))
        return known

    def searching(self) -> bool:
        return bool(self.value(QUERIES.searching))

    def entries_with(
        self, tenant: int, phrases: Sequence[Phrase], between: tuple[int, int] | None = None
    ) -> Iterator[tuple[int, tuple[int, ...], int, int]]:
        sql = QUERIES.match_entries if between is None else QUERIES.match_entries_between
        asked = expression(tenant, [self._indexed(tenant, words) for words in phrases])
        for rowid, packed in self.each(sql, asked, *(between or ())):
            found = self.one(QUERIES.entry_size, tenant, rowid)
            if found is None:  # its words could not be told when it was erased
                continue
            moment, stored, header = found
            frequencies = tuple(map(int, packed.split()))
            yield rowid, frequencies, self._size(tenant, rowid, header, stored), moment

    def _indexed(self, tenant: int, words: Phrase) -> Phrase:
        if self.cipher is None:
            return words
        return Phrase(tuple(self.indexed(tenant, words.tokens)), words.prefix)

    def _size(self, tenant: int, rowid: int, header: bytes, stored: int) -> int:
        if not sealing.is_sealed_content(header):
            return contents.size(header, stored)
        content = self.value(QUERIES.entry_content, tenant, rowid)
        return len(sealing.unseal_content(self, tenant, rowid, content))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads of one moment."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")


def scope(tenant: int) -> str:
    """The word that every text of a tenant has in the column `scope`."""
    return f"t{tenant}"


def expression(tenant: int, phrases: Sequence[Phrase]) -> str:
    """What FTS5's MATCH is asked (https://sqlite.org/fts5.html#full_text_query_syntax)."""
    asked = [f'scope : "{scope(tenant)}"']
    asked += [
        f'body : "{" ".join(words.tokens)}"{"*" if words.prefix else ""}' for words in phrases
    ]
    return " AND ".join(asked)


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
    connection.pragma("journal_size_limit", limits.WAL_ALARM_BYTES)  # once the log begins anew
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
