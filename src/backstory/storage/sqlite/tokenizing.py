"""What a connection has to learn before it can search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from backstory.storage.tokens import Token, Tokens


def learn_search(connection: apsw.Connection) -> tuple[Tokens, Callable[[str], list[str]]]:
    """Register the function that counts words.

    Returns the index's own tokenizer, and the same without places, which is faster.
    """
    connection.register_fts5_function("frequencies", _frequencies)
    tokenizer = connection.fts5_tokenizer("unicode61", ["remove_diacritics", "2"])

    def tokens(text: str) -> list[Token]:
        found: Any = tokenizer(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None)
        return [(token[0], token[1], token[2]) for token in found]

    def spelled(text: str) -> list[str]:
        found: Any = tokenizer(
            text.encode(),
            apsw.FTS5_TOKENIZE_DOCUMENT,
            None,
            include_offsets=False,
            include_colocated=False,
        )
        return list(found)

    return tokens, spelled


def _frequencies(api: apsw.FTS5ExtensionApi, *_: Any) -> str:
    """How often each phrase occurs in the body.

    The first phrase is the scope, see `search.expression`.
    """
    counts = [len(api.phrase_locations(number)[0]) for number in range(1, api.phrase_count)]
    return " ".join(map(str, counts))
