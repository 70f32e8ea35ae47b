"""The index of words in PostgreSQL, while it is written.

An entry's words are one `tsvector`, in a GIN index; a state's are rows with counts, so that a
change of a large state costs what its lines cost that differ.
"""

from __future__ import annotations

from collections import Counter

from backstory.storage.postgres.database import PostgresDatabase, lexeme
from backstory.storage.postgres.encoding import QUERIES, word_key
from backstory.storage.tables.words import Words

_VECTOR_BYTES = 900_000  # PostgreSQL takes a vector of 1 MiB at most


class PostgresWords(Words):
    """Counts of states are put together until the end of the transaction."""

    def __init__(self, db: PostgresDatabase, *, on: bool) -> None:
        super().__init__(db, on=on)
        self._counts: Counter[tuple[int, str, int]] = Counter()

    def finish(self) -> None:
        counts, self._counts = self._counts, Counter()
        for row, difference in counts.items():
            if difference:
                self._db.run(QUERIES.count_state_word, *row, difference)
        for row, difference in counts.items():
            if difference < 0:
                self._db.run(QUERIES.drop_state_word, *row)

    def _add_entry(self, tenant: int, rowid: int, text: str) -> None:
        spelled = {word for _, _, word in self._db.tokens(text)}
        words = set(map(word_key, self._db.indexed(tenant, [*spelled])))
        if not words:
            return
        vector = " ".join(lexeme(tenant, word) for word in sorted(words))
        if len(vector.encode()) > _VECTOR_BYTES:
            vector = lexeme(tenant, "")  # which every search looks at, see `expression`
        self._db.run(QUERIES.add_entry_words, tenant, rowid, vector)

    def _erase_entry(self, tenant: int, rowid: int, text: str) -> None:
        del text
        self._db.run(QUERIES.drop_entry_words, tenant, rowid, rowid)

    def _count(self, tenant: int, word: str, context: int, difference: int) -> None:
        self._counts[tenant, word_key(word), context] += difference
