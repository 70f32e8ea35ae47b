"""A connection to PostgreSQL as `storage.tables` wants it: plain calls, few journeys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from asyncpg import Connection, Record

from backstory.domain.entries import text_of_content
from backstory.encryption.cipher import Cipher
from backstory.errors import StoreUnavailableError
from backstory.storage.postgres.encoding import INTO, OUT_OF, QUERIES, coded, word_key
from backstory.storage.postgres.pending import Params, Pending, alone, columns, combined
from backstory.storage.postgres.waiting import wait
from backstory.storage.postgres.walls import is_walled, said
from backstory.storage.tables import sealing
from backstory.storage.tables.database import Database, Names, Row
from backstory.storage.tokens import Phrase, Tokens, count

_PARAMETER = re.compile(r"\$(\d+)")
_TYPES = {str: "text[]", bytes: "bytea[]", int: "bigint[]", bool: "bool[]"}
_FEWEST, _MOST = 32, 512  # rows that `each` takes at a time, from the first journey to the last
_SEVERAL = 2  # keys from which on it pays to look ahead
_OUTDATES = {
    QUERIES.add_chunk: (QUERIES.find_chunk,),
    QUERIES.add_chunk_ref: (QUERIES.is_referenced, QUERIES.manifests_of_chunk),
    QUERIES.add_upload: (QUERIES.uploaded, QUERIES.is_uploaded),
}
"""Rows that are only put together, and the queries whose answers they change."""


_OF_NAMES = {QUERIES.find_author, QUERIES.find_voice}
"""Whoever asks for a name would know it, had this transaction written it."""


class SeveralError(Exception):
    """What was to be one statement takes several: it has to be done in a transaction."""


class PostgresDatabase(Database):
    """One connection while it is borrowed; its calls `wait`.

    Names that others may know are shared; a transaction that adds some has `names` of its own
    until it is committed. What is written is sent before anything is read that was not
    foreseen, and at the end.
    """

    sql = QUERIES

    def __init__(
        self,
        connection: Connection[Record],
        names: Names,
        tokens: Tokens,
        *,
        at_once: bool = False,
        cipher: Cipher | None = None,
        whose: str | None = None,
    ) -> None:
        """`whose` rows statements are about; None in a transaction that has said it."""
        super().__init__(names, cipher)
        self._connection, self._at_once, self.whose = connection, at_once, whose
        self.tokens = tokens
        self.pending = Pending()
        self.sent = False
        self.numbers = 0
        self._foreseen: dict[str, dict[Params, list[Row]]] = {}

    # -- reading -----------------------------------------------------------------------

    def one(self, sql: str, *params: Any) -> Row | None:
        rows = self.all(sql, *params)
        return rows[0] if rows else None

    def all(self, sql: str, *params: Any) -> Sequence[Row]:
        params = coded(INTO, sql, params)
        foreseen = self._foreseen.get(sql, {}).get(params)
        if foreseen is not None:
            return foreseen
        if not (self._at_once and sql in _OF_NAMES):
            self.flush()
        found = wait(self._fetch(sql, params))
        return [coded(OUT_OF, sql, row) for row in found] if sql in OUT_OF else found

    def each(self, sql: str, *params: Any) -> Iterator[Row]:
        """Needs a transaction: the rows are taken out of a cursor."""
        for rows in self._some(sql, *params):
            yield from (coded(OUT_OF, sql, row) for row in rows)

    def few(self, sql: str, *params: Any) -> Iterator[Row]:
        return iter(self.all(sql, *params))

    def _some(self, sql: str, *params: Any) -> Iterator[list[Record]]:
        if self._at_once:
            raise SeveralError
        self.flush()
        cursor = wait(_open(self._connection, sql, coded(INTO, sql, params)))
        amount = _FEWEST
        while rows := wait(cursor.fetch(amount)):
            yield rows
            if len(rows) < amount:
                return
            amount = min(amount * 2, _MOST)

    def foresee(
        self, sql: str, tenant: int, keys: Sequence[tuple[Any, ...]], *, least: int = _SEVERAL
    ) -> None:
        """All rows in one journey instead of one for each key, where there are as many keys."""
        known = self._foreseen.setdefault(sql, {})
        asked = [key for key in dict.fromkeys(keys) if (tenant, *key) not in known]
        if len(asked) < least:
            return
        self.flush()
        ahead, lists = _ahead(sql, asked)
        rows = wait(self._fetch(ahead, (tenant, *lists)))
        for key in asked:
            known[tenant, *key] = []
        for number, *row in rows:
            known[tenant, *asked[number - 1]].append(coded(OUT_OF, sql, row))

    def _fetch(self, sql: str, params: Params) -> Coroutine[Any, Any, list[Record]]:
        if self.whose is not None and is_walled(sql):
            sql, params = said(sql), (*params, self.whose)
        rows: Coroutine[Any, Any, list[Record]] = self._connection.fetch(sql, *params)
        return rows

    # -- writing -----------------------------------------------------------------------

    def run(self, sql: str, *params: Any) -> None:
        row = coded(INTO, sql, params)
        if self.pending.add(sql, row):
            self._foreseen.clear()
        else:
            self._forget_what_changes(sql, row)

    def _forget_what_changes(self, sql: str, row: Params) -> None:
        """What was foreseen and is not so any more once the row is written."""
        if sql == QUERIES.add_entry:
            self._foreseen.get(QUERIES.ids_like, {}).pop((row[0], row[8]), None)
        elif sql == QUERIES.add_idempotency:
            known = self._foreseen.get(QUERIES.find_idempotency, {})
            for params in [params for params in known if params[:2] == row[:2]]:
                del known[params]
        for query in _OUTDATES.get(sql, ()):
            self._foreseen.pop(query, None)

    def foresee_none(self, sql: str, keys: Sequence[Params]) -> None:
        """There are no rows for these parameters, until the transaction makes some."""
        self._foreseen[sql] = {key: [] for key in keys}

    def insert(self, sql: str, tenant: int, *params: Any) -> int:
        self.numbers += 1
        number = self.numbers
        self.run(sql, tenant, number, *params)
        return number

    def send_alone(self, first: str, params: Params, last: str) -> None:
        """Send all that was written in one statement that is a transaction of its own.

        Raises:
            SeveralError: it takes several.
        """
        stages = self.pending.take()
        sql = alone(stages, first, last)
        if sql is None:
            raise SeveralError
        wait(self._connection.execute(sql, *params, *columns(stages)))

    def flush(self) -> None:
        """Send what was written.

        Raises:
            SeveralError: it is to be sent in one statement, and this is not the end.
        """
        if self._at_once and self.pending:
            raise SeveralError
        for stage in self.pending.take():
            self.sent = True
            if stage.again is not None:
                sql, params = stage.again
                if len(params) > 1:
                    wait(self._connection.executemany(sql, params))
                else:
                    wait(self._connection.execute(sql, *params[0]))
            else:
                sql, lists = combined(stage)
                wait(self._connection.execute(sql, *lists))

    # -- names and words ---------------------------------------------------------------

    def intern_tenant(self, name: str) -> int:
        known = self.tenant(name)
        if known is None:  # whoever writes has seen to it before the transaction began
            raise StoreUnavailableError("the tenant is gone from the database")
        return known

    def searching(self) -> bool:
        return bool(self.value(QUERIES.searching))

    def entries_with(
        self, tenant: int, phrases: Sequence[Phrase], between: tuple[int, int] | None = None
    ) -> Iterator[tuple[int, tuple[int, ...], int, int]]:
        """The index tells which entries have all words; their texts tell how often and where."""
        sql = QUERIES.match_entries if between is None else QUERIES.match_entries_between
        asked = expression(tenant, [self._indexed(tenant, words) for words in phrases])
        for rows in self._some(sql, tenant, asked, *(between or ())):
            # Here, since a key may have to be waited for.
            found = [
                (rowid, sealing.unseal_content(self, tenant, rowid, stored), moment)
                for rowid, stored, moment in rows
            ]
            yield from wait(asyncio.to_thread(_counted, self.tokens, found, phrases))

    def _indexed(self, tenant: int, words: Phrase) -> Phrase:
        if self.cipher is None:
            return words
        return Phrase(tuple(self.indexed(tenant, words.tokens)), words.prefix)


def _counted(
    tokens: Tokens, rows: Sequence[tuple[int, bytes, int]], phrases: Sequence[Phrase]
) -> list[tuple[int, tuple[int, ...], int, int]]:
    found = []
    for rowid, content, moment in rows:
        text = text_of_content(content)
        frequencies = tuple(count(tokens, text, phrase) for phrase in phrases)
        if all(frequencies):
            found.append((rowid, frequencies, len(content), moment))
    return found


async def _open(connection: Connection[Record], sql: str, params: Params) -> Any:
    return await connection.cursor(sql, *params)


def _ahead(sql: str, keys: Sequence[Params]) -> tuple[str, list[list[Any]]]:
    """A query for the rows of many keys; each row begins with its key's place, from 1."""
    lists = [list(column) for column in zip(*keys, strict=True)]
    types = [_TYPES[type(column[0])] for column in lists]
    taken = ", ".join(f"${n}::{kind}" for n, kind in enumerate(types, 2))
    names = ", ".join(f"k{n}" for n in range(2, len(lists) + 2))
    collate = {n: ' COLLATE "C"' for n, kind in enumerate(types, 2) if kind == "text[]"}

    def named(match: re.Match[str]) -> str:
        number = int(match[1])
        return match[0] if number == 1 else f"k.k{number}{collate.get(number, '')}"

    asked = _PARAMETER.sub(named, sql)
    keyed = f"unnest({taken}) WITH ORDINALITY AS k ({names}, n)"
    # Put together from the store's own queries, without any value.
    return f"SELECT k.n::int, q.* FROM {keyed} CROSS JOIN LATERAL ({asked}) AS q", lists  # noqa: S608


# -- the index of entries' words ---------------------------------------------------------


def lexeme(tenant: int, word: str) -> str:
    """A tenant's word as the index has it, quoted for tsvector and tsquery."""
    quoted = word_key(word).replace("\\", "\\\\").replace("'", "''")
    return f"'{tenant}:{quoted}'"


def expression(tenant: int, phrases: Sequence[Phrase]) -> str:
    """Entries with all words, in whatever order, and those with too many words to tell."""
    asked = []
    for phrase in phrases:
        *whole, last = (lexeme(tenant, word) for word in phrase.tokens)
        asked += [*whole, f"{last}:*" if phrase.prefix else last]
    return f"({' & '.join(asked)}) | {lexeme(tenant, '')}"
