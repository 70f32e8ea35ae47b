"""Full-text search: what matches, and where in the text.

What is told of a match depends on that text alone, so nothing a caller may not see shines
through a score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from backstory import limits
from backstory.domain.chains import Chain
from backstory.domain.contexts import label_terms
from backstory.domain.entries import text_of_content, text_of_state
from backstory.errors import SearchDisabledError
from backstory.ports.store import Match, MatchText, SearchQuery
from backstory.storage.tables import listing, reading, rows, sealing
from backstory.storage.tables.database import Database, Row
from backstory.storage.tables.rows import Stored
from backstory.storage.tokens import Phrase, count, highlights, phrase


def matches(db: Database, tenant: str, query: SearchQuery, now: int) -> list[Match]:
    """As `ports.store.Finds.matches` says.

    Raises:
        SearchDisabledError: the store keeps no index of words.
    """
    if not query.terms:
        return _listed(db, tenant, query, now)
    if not db.searching():
        raise SearchDisabledError(
            "this store was set up without search; the setting `search` turns it on"
        )
    number = db.tenant(tenant)
    phrases = [phrase(db.tokens, term) for term in query.terms]
    asked = [words for words in phrases if words.tokens]
    if db.cipher is not None and any(words.prefix for words in asked):
        raise SearchDisabledError(
            "in an encrypted store whole words are found, not beginnings; leave the * away"
        )
    if number is None or not asked:
        return []
    look = _Look(db, number, query, now, {})
    if query.entries_of is None:
        found = chain(_states(look, asked), _entries(look, asked))
    else:
        found = chain(_entries_of(look, reading.find(db, tenant, query.entries_of), asked))
    return [_with_empty(match, phrases) for match in islice(found, query.candidates)]


def _listed(db: Database, tenant: str, query: SearchQuery, now: int) -> list[Match]:
    """Without terms every context that passes the filters matches, by its state."""
    heads = listing.newest(db, tenant, query, now)
    return [Match(head, None, (), 0, head.updated_at) for head in heads]


def _with_empty(match: Match, phrases: list[Phrase]) -> Match:
    """Terms without a word in them, such as "!", occur nowhere and forbid nothing."""
    counts = iter(match.frequencies)
    return replace(
        match, frequencies=tuple(next(counts) if words.tokens else 0 for words in phrases)
    )


@dataclass(slots=True)
class _Look:
    """One search while it goes on: contexts it has looked at, with their chains."""

    db: Database
    tenant: int
    query: SearchQuery
    now: int
    seen: dict[int, tuple[Stored, Chain] | None]

    def visible(self, number: int) -> tuple[Stored, Chain] | None:
        """A context that may be shown, with its chain."""
        if number not in self.seen:
            found = reading.by_id(self.db, self.tenant, number)
            shown = found is not None and self._passes(found)
            visible = reading.chain_now(self.db, found) if found and shown else Chain()
            self.seen[number] = (found, visible) if found and shown else None
        return self.seen[number]

    def _passes(self, found: Stored) -> bool:
        head, query = found.head, self.query
        return (
            head.alive(self.now)
            and query.visible.shows(head.key.namespace)
            and (query.kind is None or head.kind == query.kind)
            and (query.label is None or query.label in label_terms(head.labels))
        )


def _entries(look: _Look, phrases: list[Phrase]) -> Iterator[Match]:
    """Matching entries, once for each context that shows them, the newest logs first."""
    showing: dict[int, list[int]] = {}
    for rowid, frequencies, size, moment in look.db.entries_with(look.tenant, phrases):
        log, seq = rows.log_and_seq(rowid)
        if log not in showing:
            others = look.db.all(look.db.sql.contexts_showing, look.tenant, log)
            showing[log] = [log, *(row[0] for row in others)]
        for number in showing[log]:
            context = look.visible(number)
            if context is not None and context[1].shows(log, seq):
                yield Match(context[0].head, seq, frequencies, size, rows.unpack_time(moment))


def _entries_of(look: _Look, found: Stored | None, phrases: list[Phrase]) -> Iterator[Match]:
    """Matching entries of one context, by looking at its pieces of logs alone."""
    context = look.visible(found.id) if found is not None else None
    if context is None:
        return
    for piece in context[1].descending(0, limits.SEQ_MAX + 1):
        bounds = rows.entry_rowid(piece.log, piece.first), rows.entry_rowid(piece.log, piece.last)
        for rowid, frequencies, size, moment in look.db.entries_with(look.tenant, phrases, bounds):
            seq, at = rows.log_and_seq(rowid)[1], rows.unpack_time(moment)
            yield Match(context[0].head, seq, frequencies, size, at)


def _states(look: _Look, phrases: list[Phrase]) -> Iterator[Match]:
    """Matching states, the newest contexts first."""
    counted = [_with_words(look.db, look.tenant, words) for words in phrases]
    candidates = set(counted[0]).intersection(*counted[1:])
    for number in sorted(candidates, reverse=True):
        context = look.visible(number)
        if context is None:
            continue
        snapshot = context[0].snapshot
        text = text_of_state(snapshot.state) if not all(map(_is_counted, phrases)) else ""
        frequencies = tuple(
            counts[number] if _is_counted(words) else count(look.db.tokens, text, words)
            for words, counts in zip(phrases, counted, strict=True)
        )
        if all(frequencies):
            at = snapshot.head.updated_at
            yield Match(snapshot.head, None, frequencies, len(snapshot.state), at)


def _is_counted(words: Phrase) -> bool:
    """Whether the index alone tells how often a phrase occurs in a state."""
    return len(words.tokens) == 1 and len(words.tokens[0]) < limits.INDEXED_WORD_CHARS


def _with_words(db: Database, tenant: int, wanted: Phrase) -> dict[int, int]:
    """The contexts whose states have all words of a phrase, in whatever order."""
    *whole, last = db.indexed(tenant, wanted.tokens)
    found: list[dict[int, int]] = [
        _pairs(db.all(db.sql.states_with, tenant, word)) for word in whole
    ]
    if wanted.prefix:
        end = last + chr(0x10FFFF)
        found.append(_pairs(db.all(db.sql.states_with_beginning, tenant, last, end)))
    else:
        found.append(_pairs(db.all(db.sql.states_with, tenant, last)))
    common = set(found[0]).intersection(*found[1:])
    return {number: found[-1][number] for number in common}


def _pairs(rows: Sequence[Row]) -> dict[int, int]:
    return {context: count for context, count in rows}  # noqa: C416 (rows are no tuples everywhere)


def match_text(db: Database, tenant: str, match: Match, terms: tuple[str, ...]) -> MatchText | None:
    """As `ports.store.Finds.match_text` says."""
    found = reading.find(db, tenant, match.head.key)
    if found is None or found.head.id != match.head.id or found.head.deleted:
        return None
    text = _text(db, found, match.seq)
    if text is None:
        return None
    phrases = [phrase(db.tokens, term) for term in terms]
    return MatchText(text, highlights(db.tokens, text, phrases))


def _text(db: Database, found: Stored, seq: int | None) -> str | None:
    if seq is None:
        return text_of_state(found.snapshot.state)
    log = reading.chain_now(db, found).locate(seq)
    if log is None:
        return None
    rowid = rows.entry_rowid(log, seq)
    content = db.value(db.sql.entry_content, found.tenant, rowid)
    if content is None:
        return None
    return text_of_content(sealing.unseal_content(db, found.tenant, rowid, content))
