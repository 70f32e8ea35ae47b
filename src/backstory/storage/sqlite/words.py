"""The full-text index while it is written.

What is indexed is derived from what is stored, so that it can be taken out again: FTS5 wants
the very text back that it was given.
"""

from __future__ import annotations

from collections.abc import Iterable

from backstory.domain.contexts import EMPTY_STATE
from backstory.domain.entries import text_of_content, text_of_state
from backstory.storage.sqlite.database import QUERIES, Database

_ERASE_ONE = 1_200_000  # nanoseconds, about, to take an entry's words out in place
_MERGE_BYTE = 8  # nanoseconds, about, for each byte of the file to merge the whole index


def scope(tenant: int) -> str:
    """The word that every text of a tenant has in the column `scope`."""
    return f"t{tenant}"


class Words:
    """Keeps the index in step with one transaction; does nothing where search is off."""

    def __init__(self, db: Database, *, on: bool) -> None:
        self._db, self._on = db, on
        self._merge_states = False

    def add_entry(self, tenant: int, rowid: int, content: bytes) -> None:
        if self._on and (text := text_of_content(content)):
            self._db.run(QUERIES.add_entry_words, rowid, text, scope(tenant))

    def erase_entries(self, tenant: int, entries: list[tuple[int, bytes]]) -> None:
        """Take out entries, given as rowid and content, so that no word of theirs is left."""
        if not self._on:
            return
        if len(entries) * _ERASE_ONE < self._db.value(QUERIES.file_bytes) * _MERGE_BYTE:
            self._drop(tenant, entries)
            return
        self._db.run(QUERIES.entry_words_secure, 0)
        self._drop(tenant, entries)
        self._db.run(QUERIES.merge_entry_words)
        self._db.run(QUERIES.entry_words_secure, 1)

    def _drop(self, tenant: int, entries: Iterable[tuple[int, bytes]]) -> None:
        for rowid, content in entries:
            if text := text_of_content(content):
                self._db.run(QUERIES.drop_entry_words, rowid, text, scope(tenant))

    def set_state(self, tenant: int, context: int, old: bytes, new: bytes) -> None:
        """Put a state in another's place; both may be empty."""
        if not self._on:
            return
        before, after = text_of_state(old), text_of_state(new)
        if before == after:
            return
        if before:
            self._db.run(QUERIES.drop_state_words, context, before, scope(tenant))
        if after:
            self._db.run(QUERIES.add_state_words, context, after, scope(tenant))

    def erase_states(self) -> None:
        """See to it that words of states that are gone are not left, when `finish` is called."""
        self._merge_states = self._on

    def finish(self) -> None:
        """Before the transaction is committed."""
        if self._merge_states:
            self._db.run(QUERIES.merge_state_words)


def index_all(db: Database) -> None:
    """Fill an empty index with all that is stored."""
    words = Words(db, on=True)
    for rowid, tenant, content in db.connection.execute(QUERIES.all_contents):
        words.add_entry(tenant, rowid, content)
    for context, tenant, state in db.connection.execute(QUERIES.all_states):
        words.set_state(tenant, context, EMPTY_STATE, state)
