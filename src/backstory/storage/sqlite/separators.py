"""Takes erased words out of the one place where FTS5's secure-delete leaves them.

FTS5 finds a page of its index by separators: for each page a word, or its beginning, that is
behind all words of the page before it and not behind the first of its own. Where that first
word is deleted, the separator stays. It may be any word between the two, so here it becomes
the word that is first now. The format of pages stands at the head of SQLite's fts5_index.c.
"""

from __future__ import annotations

from collections.abc import Iterable

from backstory.storage.sqlite.database import QUERIES
from backstory.storage.tables.database import Database

_MAIN_INDEX = b"0"  # all words begin so; FTS5's prefix indexes, which we have none of, do not
_SEGMENT_BITS = 37
_CONTINUED = 0x80


def drop_separators(db: Database, erased: Iterable[str]) -> None:
    """Replace every separator that is the beginning of an erased word."""
    db.run(QUERIES.flush_entry_words)
    beginnings = {
        _MAIN_INDEX + word[:end]
        for word in {word.encode() for word in erased}
        for end in range(1, len(word) + 1)
    }
    for segment, term, page in db.all(QUERIES.separators):
        raw = term.encode() if isinstance(term, str) else term
        if raw in beginnings:
            block = db.value(QUERIES.index_page, segment << _SEGMENT_BITS | page >> 1)
            first = _first_word(block)
            if first is None:
                # A merge under way has moved the page; FTS5 then begins at the next one.
                db.run(QUERIES.drop_separator, segment, term)
            elif first != raw:
                db.run(QUERIES.set_separator, segment, term, first)


def _first_word(page: bytes | None) -> bytes | None:
    """The first word of a leaf; None where it is gone or has no beginning of a word."""
    if page is None:
        return None
    footer = int.from_bytes(page[2:4])
    if footer >= len(page):
        return None
    offset, _ = _varint(page, footer)
    length, start = _varint(page, offset)
    return page[start : start + length]


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A number of at most 32 bits, and where what follows begins."""
    value = 0
    while raw[at] & _CONTINUED:
        value = value << 7 | raw[at] & ~_CONTINUED
        at += 1
    return value << 7 | raw[at], at + 1
