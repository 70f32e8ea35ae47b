"""What a store is asked with, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from backstory.domain import positions
from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.contexts import Head, Snapshot, Tag
from backstory.domain.entries import Entry, Outline
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Visibility


@dataclass(frozen=True, slots=True)
class View:
    """A context at one version: head, state, and the chain of its visible entries."""

    snapshot: Snapshot
    chain: Chain


@dataclass(frozen=True, slots=True)
class EntryQuery:
    """Entries with `after < seq < before`, at most `limit` of them and about `max_bytes`.

    The first entry is given whatever its size, so that a reader always gets on.
    """

    after: int = 0
    before: int = 2**32
    limit: int = 50
    max_bytes: int = 2**20
    descending: bool = False


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries in the order asked for; `more` tells whether there are others behind them.

    `encoded` holds what was made of it for callers, for as long as somebody keeps it.
    """

    entries: tuple[Entry, ...]
    more: bool
    encoded: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What tells whether a copy of a context is as the context stands.

    Equal tags mean an equal view, but for `history_from`, which `forget` moves on its own, and
    for the names of authors who were erased: `names` counts how often that happened to the tenant.
    """

    tag: Tag
    history_from: int
    names: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class OutlineQuery:
    """Entries with `seq < before` from the newest back, at most `limit` of them.

    The page may end behind the entry with which the tokens that are stored pass `max_tokens`.
    """

    before: int = 2**32
    limit: int = 50
    max_tokens: int = 2**32


@dataclass(frozen=True, slots=True)
class OutlinePage:
    """Outlines, the newest first; `more` tells whether there are entries before them."""

    outlines: Sequence[Outline]
    more: bool


@dataclass(frozen=True, slots=True)
class HeadQuery:
    """Living contexts, in order of namespace and name (by bytes), behind `after`.

    `schema_below` asks for those whose state was ruled by an earlier version of its kind.
    """

    visible: Visibility
    kind: str | None = None
    label: str | None = None
    updated_since: int | None = None
    after: ContextKey | None = None
    limit: int = 50
    schema_below: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """Changes behind a position in order, to about `limit`; a commit is never split.

    Changes of purged contexts have no key and are shown to those who see everything.
    """

    visible: Visibility
    after: int
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Visible changes, and the position up to which the log was looked through.

    An empty page may move on. `more` tells whether the log goes on behind `position`.
    """

    changes: tuple[Change, ...]
    position: int
    more: bool


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Full text: every term has to occur, `"a phrase"` in order, `word*` as a beginning.

    `terms` are phrases, each a tuple of words as they were typed; the last word of a phrase
    may end in `*`. Without terms, whatever else matches is found, the newest first.
    With `entries_of`, only entries of that context are looked at, the newest first, at a cost
    that follows its own matches and not those of others.
    """

    visible: Visibility
    terms: tuple[str, ...]
    kind: str | None = None
    label: str | None = None
    candidates: int = 2000
    entries_of: ContextKey | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A state (`seq` None) or a visible entry that matches, with what ranking needs.

    `frequencies` counts each term in the text, `length` the bytes of the state or content
    that it is in. `at` is when the entry was written or the context last changed.
    """

    head: Head
    seq: int | None
    frequencies: tuple[int, ...]
    length: int
    at: int


@dataclass(frozen=True, slots=True)
class MatchText:
    """The whole text behind a match; each highlight is a (start, end) pair of characters."""

    text: str
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a tenant's change log stands: its epoch, and the oldest and newest positions.

    `oldest` is the position before the first change that is still kept. Where there are several
    `logs`, a position holds one in each (`domain.positions`); those that could not be asked are
    `away`, and nothing is known against a place in them.
    """

    epoch: str
    oldest: int
    newest: int
    logs: int = 1
    away: frozenset[int] = frozenset()

    def keeps(self, position: int) -> bool:
        """Whether all that lies behind a place is still kept."""
        return all(
            each == positions.UNKNOWN or oldest <= each <= newest
            for oldest, each, newest in self._each(position)
        )

    def is_behind(self, position: int) -> bool:
        """Whether there is something behind a place."""
        return any(
            newest > each or each == positions.UNKNOWN for _, each, newest in self._each(position)
        )

    def _each(self, position: int) -> Iterator[tuple[int, int, int]]:
        if self.logs == 1:
            yield self.oldest, position, self.newest
            return
        places = (
            positions.unpack(each, self.logs) for each in (self.oldest, position, self.newest)
        )
        for at, place in enumerate(zip(*places, strict=True)):
            if at not in self.away:
                yield place
