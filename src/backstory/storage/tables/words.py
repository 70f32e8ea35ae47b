"""The index of words while it is written.

What is indexed is derived from what is stored, so that it can be taken out again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress

from backstory.domain.contexts import EMPTY_STATE
from backstory.domain.entries import text_of_content, text_of_state
from backstory.encryption.cipher import Purpose
from backstory.errors import GoneError
from backstory.storage.tables import sealing
from backstory.storage.tables.database import Database

_NOTHING = b"{}"


class Words(ABC):
    """Keeps the index in step with one transaction; does nothing where search is off."""

    def __init__(self, db: Database, *, on: bool) -> None:
        self._db, self.on = db, on

    def appended(self, tenant: int, rowid: int, content: bytes) -> None:
        """An entry was written; its words may follow later."""
        self.add_entry(tenant, rowid, content)

    def follow(self, tenant: int) -> None:  # noqa: B027 (only some have to)
        """See to it that nothing that was appended is not yet indexed."""

    def add_entry(self, tenant: int, rowid: int, content: bytes) -> None:
        if self.on and (text := text_of_content(content)):
            self._add_entry(tenant, rowid, text)

    def erase_entry(self, tenant: int, rowid: int, stored: bytes) -> None:
        """So that no word of what is stored is left. `stored` as the row has it."""
        if not self.on:
            return
        if text := text_of_content(self.content(tenant, rowid, stored)):
            self._erase_entry(tenant, rowid, text)

    def content(self, tenant: int, rowid: int, stored: bytes) -> bytes:
        """An entry's content; none where its key is destroyed."""
        try:
            return sealing.unseal_content(self._db, tenant, rowid, stored)
        except GoneError:
            return _NOTHING

    def set_state(self, tenant: int, context: int, old: bytes, new: bytes) -> None:
        """Put a state in another's place; costs what the lines cost that differ."""
        if not self.on:
            return
        before, after = (Counter(text_of_state(state).split("\n")) for state in (old, new))
        delta = self._counted(after - before)
        delta.subtract(self._counted(before - after))
        for word, difference in delta.items():
            if difference:
                (indexed,) = self._db.indexed(tenant, [word])
                self._count(tenant, indexed, context, difference)

    def finish(self) -> None:  # noqa: B027 (only some have to)
        """Before the transaction is committed."""

    def _counted(self, lines: Counter[str]) -> Counter[str]:
        return Counter(word for line in lines.elements() for _, _, word in self._db.tokens(line))

    @abstractmethod
    def _add_entry(self, tenant: int, rowid: int, text: str) -> None: ...

    @abstractmethod
    def _erase_entry(self, tenant: int, rowid: int, text: str) -> None: ...

    @abstractmethod
    def _count(self, tenant: int, word: str, context: int, difference: int) -> None:
        """A word occurs that much more or less often in a state."""


def index_all(db: Database, words: Words) -> None:
    """Fill an empty index with all that is stored."""
    for rowid, tenant, content in db.each(db.sql.all_contents):
        words.add_entry(tenant, rowid, words.content(tenant, rowid, content))
    for context, tenant, version, stored in db.each(db.sql.all_states):
        with suppress(GoneError):
            state = sealing.unseal(db, (Purpose.STATE, tenant, context, version), stored)
            words.set_state(tenant, context, EMPTY_STATE, state)
