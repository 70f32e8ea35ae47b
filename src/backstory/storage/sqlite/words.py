"""The index of words in FTS5, while it is written. FTS5 wants the very text back that it got.

The words of entries follow the change log, a moment after it, so that nobody who appends waits
for them; who searches or erases sees to it first that they have caught up. The words of states
are written with them.
"""

from __future__ import annotations

from enum import IntEnum

from backstory import limits
from backstory.domain.changes import Op, Part
from backstory.storage.sqlite.counters import Counters
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase, scope
from backstory.storage.sqlite.separators import drop_separators
from backstory.storage.tables import rows
from backstory.storage.tables.database import Database
from backstory.storage.tables.words import Words

_APPENDING = rows.pack_what(Op(0), Part.ENTRIES)
_MERGED = 2  # changes at least, where FTS5's `merge` found something to do


class Merging(IntEnum):
    """How far the index is on its way to be in one piece. The numbers are stored."""

    NOT_BEGUN = 0
    UNDER_WAY = 1
    DONE = 2


class SqliteWords(Words):
    """Erasing an entry takes a millisecond for some 40 words."""

    def __init__(self, db: SqliteDatabase, counters: Counters, *, on: bool) -> None:
        super().__init__(db, on=on)
        self._counters = counters
        self._connection, self._spelled = db.connection, db.spelled
        self._erased: set[str] = set()

    def appended(self, tenant: int, rowid: int, content: bytes) -> None:
        del rowid, content
        self._counters.of(tenant).lagging = self.on

    def follow(self, tenant: int) -> None:
        """Index what was appended since the index last followed, in this transaction too."""
        counter = self._counters.of(tenant)
        if not (self.on and counter.lagging):
            return
        for context, version, seqs, last_seq in self._db.all(
            QUERIES.appending_changes, tenant, counter.indexed, _APPENDING
        ):
            for first, last in rows.unpack_seqs(seqs, last_seq):
                bounds = rows.entry_rowid(context, first), rows.entry_rowid(context, last)
                for rowid, content in self._db.all(QUERIES.contents_of, tenant, *bounds, version):
                    if content is not None:
                        self.add_entry(tenant, rowid, self.content(tenant, rowid, content))
        counter.indexed, counter.lagging, counter.changed = counter.position, False, True

    def follow_all(self) -> None:
        """The same for whatever earlier lives of the store have left behind."""
        for (tenant,) in self._db.all(QUERIES.lagging):
            self.follow(tenant)

    def make_ready(self, merging: Merging) -> Merging:
        """One step towards an index in one piece, where erasing is ten times faster."""
        if not self.on or merging is Merging.DONE:
            return Merging.DONE
        before = self._connection.total_changes()
        begin = -1 if merging is Merging.NOT_BEGUN else 1
        self._db.run(QUERIES.merge_entry_words, begin * limits.MERGE_PAGES)
        worked = self._connection.total_changes() - before >= _MERGED
        return Merging.UNDER_WAY if worked else Merging.DONE

    def finish(self) -> None:
        if self._erased:
            drop_separators(self._db, self._erased)

    def _add_entry(self, tenant: int, rowid: int, text: str) -> None:
        self._db.run(QUERIES.add_entry_words, rowid, self._indexed(tenant, text), scope(tenant))

    def _erase_entry(self, tenant: int, rowid: int, text: str) -> None:
        text = self._indexed(tenant, text)
        self._db.run(QUERIES.drop_entry_words, rowid, text, scope(tenant))
        self._erased.update(word for _, _, word in self._db.tokens(text))

    def _indexed(self, tenant: int, text: str) -> str:
        """The text as the index gets it: hashes of its words where the store is encrypted."""
        if self._db.cipher is None:
            return text
        return " ".join(self._db.indexed(tenant, self._spelled(text)))

    def _count(self, tenant: int, word: str, context: int, difference: int) -> None:
        self._db.run(QUERIES.count_state_word, tenant, word, context, difference)
        if difference < 0:
            self._db.run(QUERIES.drop_state_word, tenant, word, context)


def is_lagging(db: Database, tenant: str) -> bool:
    """Whether a search may miss what the tenant has written."""
    number = db.tenant(tenant)
    return number is not None and bool(db.value(QUERIES.is_lagging, number))
