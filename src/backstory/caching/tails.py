"""The newest entries of a context, from which most pages that are asked for can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from backstory import limits
from backstory.domain.contexts import Head
from backstory.domain.entries import Entry
from backstory.ports.store import EntryPage, EntryQuery

TAIL: Final = EntryQuery(limit=limits.TAIL_ENTRIES, max_bytes=limits.TAIL_BYTES, descending=True)
"""What has to be read to have a context's tail."""


class Tail:
    """Entries from the newest back, and whether there are older ones.

    `seqs` fall; `sizes` are those of `Entry.size`; `entry` gives the one at a place.
    """

    __slots__ = ("_entry", "more", "seqs", "sizes")

    def __init__(
        self,
        seqs: Sequence[int],
        sizes: Sequence[int],
        entry: Callable[[int], Entry],
        *,
        more: bool,
    ) -> None:
        self.seqs, self.sizes, self.more = seqs, sizes, more
        self._entry = entry

    @classmethod
    def of(cls, page: EntryPage) -> Tail:
        """The tail that the page of `TAIL` is."""
        entries = page.entries
        return cls(
            [entry.seq for entry in entries],
            [entry.size for entry in entries],
            entries.__getitem__,
            more=page.more,
        )

    @property
    def all(self) -> range:
        return range(len(self.seqs))

    def entries_of(self, places: Iterable[int]) -> tuple[Entry, ...]:
        return tuple(map(self._entry, places))

    def page(self, query: EntryQuery) -> EntryPage | None:
        """What a store would answer; None where it takes older entries to tell."""
        whole = not self.more or (bool(self.seqs) and self.seqs[-1] <= query.after + 1)
        if not (whole or query.descending):
            return None
        places = [p for p in self.all if query.after < self.seqs[p] < query.before]
        taken, room = 0, query.max_bytes
        for place in places if query.descending else places[::-1]:
            room -= self.sizes[place]
            if taken == query.limit or (taken and room < 0):
                return self._cut(places, taken, query, more=True)
            taken += 1
        if whole:
            return self._cut(places, taken, query, more=False)
        # Older entries are there, but only those behind `after` would count.
        return self._cut(places, taken, query, more=True) if _full(taken, query) else None

    def _cut(
        self, places: Sequence[int], taken: int, query: EntryQuery, *, more: bool
    ) -> EntryPage:
        if not query.descending:
            places = places[::-1]
        return EntryPage(self.entries_of(places[:taken]), more=more)


def _full(taken: int, query: EntryQuery) -> bool:
    return taken == query.limit and query.after == 0


def may_answer(head: Head, query: EntryQuery) -> bool:
    """Whether it is likely that the context's tail holds what is asked for."""
    most = limits.TAIL_ENTRIES
    if head.entry_count <= most or query.after >= head.last_seq - most:
        return True
    return query.descending and query.before > head.last_seq and query.limit <= most
