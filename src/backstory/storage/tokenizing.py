"""How words are told apart, by every store alike: SQLite's `unicode61` without diacritics.

https://sqlite.org/fts5.html#unicode61_tokenizer
"""

from __future__ import annotations

import threading
from typing import Any

import apsw

from backstory.storage.tokens import Token


class _Tokenizer(threading.local):
    """One for each thread: connections must not be shared."""

    def __init__(self) -> None:
        self.connection = apsw.Connection("")
        self.tokenize = self.connection.fts5_tokenizer("unicode61", ["remove_diacritics", "2"])


_tokenizer = _Tokenizer()


def words(text: str) -> list[Token]:
    """The words of a text, each with its first and last byte."""
    found: Any = _tokenizer.tokenize(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None)
    return [(start, end, word) for start, end, word in found]
