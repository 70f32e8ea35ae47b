"""The index of words while it is written.

What is indexed is derived from what is stored, so that it can be taken out again: FTS5 wants
the very text back that it was given. The words of entries follow the change log, a moment
after it, so that nobody who appends waits for them; who searches or erases sees to it first
that they have caught up. The words of states are written with them.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum

from backstory import limits
from backstory.domain.changes import Op, Part
from backstory.domain.contexts import EMPTY_STATE
from backstory.domain.entries import text_of_content, text_of_state
from backstory.storage import contents
from backstory.storage.sqlite import rows
from backstory.storage.sqlite.counters import Counters
from backstory.storage.sqlite.database import QUERIES, Database
from backstory.storage.sqlite.separators import drop_separators

_APPENDING = rows.pack_what(Op(0), Part.ENTRIES)
_MERGED = 2  # changes at least, where FTS5's `merge` found something to do


class Merging(IntEnum):
    """How far the index is on its way to be in one piece. The numbers are stored."""

    NOT_BEGUN = 0
    UNDER_WAY = 1
    DONE = 2


def scope(tenant: int) -> str:
    """The word that every text of a tenant has in the column `scope`."""
    return f"t{tenant}"


class Words:
    """Keeps the index in step with one transaction; does nothing where search is off."""

    def __init__(self, db: Database, counters: Counters, *, on: bool) -> None:
        self._db, self._counters, self.on = db, counters, on
        self._erased: set[str] = set()

    def appended(self, tenant: int) -> None:
        """The transaction has written entries that are to be followed."""
        self._counters.of(tenant).lagging = self.on

    def follow(self, tenant: int) -> None:
        """Index what was appended since the index last followed, in this transaction too."""
        counter = self._counters.of(tenant)
        if not (self.on and counter.lagging):
            return
        start, end = rows.change_rowid(tenant, counter.indexed), rows.last_change_rowid(tenant)
        for context, version, seqs, last_seq in self._db.all(
            QUERIES.appending_changes, start, end, _APPENDING
        ):
            for first, last in rows.unpack_seqs(seqs, last_seq):
                bounds = rows.entry_rowid(context, first), rows.entry_rowid(context, last)
                for rowid, content in self._db.all(QUERIES.contents_of, *bounds, version):
                    if content is not None:
                        _add_entry(self._db, tenant, rowid, contents.decode(content))
        counter.indexed, counter.lagging, counter.changed = counter.position, False, True

    def follow_all(self) -> None:
        """The same for whatever earlier lives of the store have left behind."""
        for (tenant,) in self._db.all(QUERIES.lagging):
            self.follow(tenant)

    def erase_entry(self, tenant: int, rowid: int, content: bytes) -> None:
        """So that no word of what is stored is left. Takes a millisecond for some 40 words."""
        if self.on and (text := text_of_content(contents.decode(content))):
            self._db.run(QUERIES.drop_entry_words, rowid, text, scope(tenant))
            self._erased.update(word for _, _, word in self._db.tokens(text))

    def make_ready(self, merging: Merging) -> Merging:
        """One step towards an index in one piece, where erasing is ten times faster."""
        if not self.on or merging is Merging.DONE:
            return Merging.DONE
        before = self._db.connection.total_changes()
        begin = -1 if merging is Merging.NOT_BEGUN else 1
        self._db.run(QUERIES.merge_entry_words, begin * limits.MERGE_PAGES)
        worked = self._db.connection.total_changes() - before >= _MERGED
        return Merging.UNDER_WAY if worked else Merging.DONE

    def finish(self) -> None:
        """Before the transaction is committed."""
        if self._erased:
            drop_separators(self._db, self._erased)

    def set_state(self, tenant: int, context: int, old: bytes, new: bytes) -> None:
        """Put a state in another's place; costs what the lines cost that differ."""
        if not self.on:
            return
        before, after = (Counter(text_of_state(state).split("\n")) for state in (old, new))
        delta = self._counted(after - before)
        delta.subtract(self._counted(before - after))
        for word, difference in delta.items():
            if difference:
                self._db.run(QUERIES.count_state_word, tenant, word, context, difference)
            if difference < 0:
                self._db.run(QUERIES.drop_state_word, tenant, word, context)

    def _counted(self, lines: Counter[str]) -> Counter[str]:
        return Counter(word for line in lines.elements() for _, _, word in self._db.tokens(line))


def is_lagging(db: Database, tenant: str) -> bool:
    """Whether a search may miss what the tenant has written."""
    number = db.tenant(tenant)
    return number is not None and bool(db.value(QUERIES.is_lagging, number))


def _add_entry(db: Database, tenant: int, rowid: int, content: bytes) -> None:
    if text := text_of_content(content):
        db.run(QUERIES.add_entry_words, rowid, text, scope(tenant))


def index_all(db: Database) -> None:
    """Fill an empty index with all that is stored."""
    words = Words(db, Counters(db), on=True)
    for rowid, tenant, content in db.connection.execute(QUERIES.all_contents):
        _add_entry(db, tenant, rowid, contents.decode(content))
    for context, tenant, state in db.connection.execute(QUERIES.all_states):
        words.set_state(tenant, context, EMPTY_STATE, state)
