"""Where PostgreSQL's columns are stricter than SQLite's: values on their way in and out.

Text cannot hold a NUL there, which callers may well send, so what they choose freely lies in
`bytea`. A column has one type, so an entry's id says in its first byte what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import orjson

from backstory import limits
from backstory.storage.queries import Queries
from backstory.storage.tables.database import Row

QUERIES: Final = Queries.load(
    "backstory.storage.postgres", "queries.sql", "content.sql", "audit.sql", "scrub.sql"
)
_TEXT, _UUID, _SEALED = b"t", b"u", b"s"
_UUID_BYTES = 16
_END = chr(0x10FFFF)


def _text(value: str) -> bytes:
    return value.encode()


def entry_id_into(packed: str | bytes | None) -> bytes | None:
    if packed is None:
        return None
    if isinstance(packed, str):
        return _TEXT + packed.encode()
    return (_UUID if len(packed) == _UUID_BYTES else _SEALED) + packed


def entry_id_from(stored: bytes | None) -> str | bytes | None:
    if stored is None:
        return None
    return stored[1:].decode() if stored[:1] == _TEXT else stored[1:]


def seqs_into(packed: int | bytes | None) -> bytes | None:
    return orjson.dumps(packed) if isinstance(packed, int) else packed


def word_key(word: str) -> str:
    """What of a word the index has; the text itself tells long ones apart."""
    return word[: limits.INDEXED_WORD_CHARS]


def _word_end(word: str) -> str:
    """The end of the range of words that begin as this one's index entry does."""
    return word_key(word[:-1]) + _END


def _from_text(stored: bytes) -> str:
    return stored.decode()


R = TypeVar("R", bound=Row)
Coders = Mapping[str, Mapping[int, Callable[[Any], Any]]]

INTO: Final[Coders] = {
    QUERIES.find_author: {1: _text},
    QUERIES.add_author: {2: _text},
    QUERIES.authors_named: {1: _text},
    QUERIES.rename_author: {2: _text},
    QUERIES.add_label: {1: _text},
    QUERIES.heads_labelled: {9: _text},
    QUERIES.newest_heads_labelled: {6: _text},
    QUERIES.add_entry: {7: entry_id_into},
    QUERIES.set_entry: {4: entry_id_into},
    QUERIES.add_change: {9: seqs_into},
    QUERIES.states_with: {1: word_key},
    QUERIES.states_with_beginning: {1: word_key, 2: _word_end},
}
"""By statement and place among its parameters."""

OUT_OF: Final[Coders] = {
    QUERIES.author: {0: _from_text},
    QUERIES.authors_named: {2: _from_text},
    QUERIES.authors_longer: {2: _from_text},
    QUERIES.audit_author: {0: _from_text},
    QUERIES.ids_like: {1: entry_id_from},
    QUERIES.entry_id: {0: entry_id_from},
    QUERIES.page_ascending: {6: entry_id_from},
    QUERIES.page_descending: {6: entry_id_from},
}
"""By query and column."""


def coded(coders: Coders, sql: str, row: R) -> R | tuple[Any, ...]:
    """The row with its values as the other side wants them."""
    mine = coders.get(sql)
    if mine is None:
        return row
    values = list(row)
    for place, code in mine.items():
        values[place] = code(values[place])
    return tuple(values)
