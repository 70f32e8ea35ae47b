"""Search: full text and labels, ranked by what the caller may see and nothing else.

Scores are BM25 with document frequencies counted among the caller's own matches, so that no
text of others has an influence on them. At most `limits.SEARCH_CANDIDATES` matches are
ranked, the newest of them where there are more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from backstory import limits
from backstory.contexts import access
from backstory.domain import policy
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import SchemaError, TooLargeError, Violation
from backstory.ports.store import Match, MatchText, SearchQuery, Store

CURSOR: Final = "search cursor"
_PIECE = re.compile(r'"([^"]*)"|([^\s"]+)')
_FOUND_BYTES = 600  # of a hit's JSON without its text
_K1 = 1.2
_B = 0.75


@dataclass(frozen=True, slots=True)
class Found:
    """One hit: a state (`seq` None) or an entry.

    `text` is cut around the first highlight; highlights are pairs of character offsets into it.
    """

    context: ContextKey
    kind: str
    seq: int | None
    score: float
    text: str
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Hits, the best first; `next` None at the end."""

    items: tuple[Found, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for, and where."""

    query: str
    namespace: NamespacePattern | None = None
    kind: str | None = None
    label: str | None = None


def parse(query: str) -> tuple[str, ...]:
    """The terms of a query: words, `"phrases in quotes"` and `beginnings*`.

    Raises:
        TooLargeError: over `limits.SEARCH_QUERY_BYTES` or `limits.SEARCH_TERMS`.
    """
    if len(query.encode()) > limits.SEARCH_QUERY_BYTES:
        raise TooLargeError(
            f"a query may have {limits.SEARCH_QUERY_BYTES} bytes", limit="SEARCH_QUERY_BYTES"
        )
    pieces = (" ".join((quoted or word).split()) for quoted, word in _PIECE.findall(query))
    terms = tuple(dict.fromkeys(piece for piece in pieces if any(map(str.isalnum, piece))))
    if len(terms) > limits.SEARCH_TERMS:
        raise TooLargeError(f"a query may have {limits.SEARCH_TERMS} terms", limit="SEARCH_TERMS")
    return terms


class Searcher:
    """Searches what the caller may read."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    async def search(
        self, principal: Principal, wanted: Wanted, cursor: str | None, limit: int
    ) -> FoundPage:
        """One page of hits.

        Raises:
            SchemaError: there is neither a word nor a label to look for.
            TooLargeError: the query is over its bounds.
            InvalidCursorError: the cursor is not this caller's.
        """
        terms = parse(wanted.query)
        if not terms and wanted.label is None:
            detail = "there is no word to look for; give one, or a label"
            raise SchemaError(detail, errors=(Violation("/query", detail),))
        query = SearchQuery(
            access.visible(principal, wanted.namespace),
            terms,
            wanted.kind,
            wanted.label,
            limits.SEARCH_CANDIDATES,
        )
        ranked = rank(await self._store.matches(principal.tenant, query))
        if cursor is not None:
            scope = (CURSOR, principal.tenant, principal.subject)
            payload = self._seal.open_members(*scope, cursor, 5)
            ranked = [item for item in ranked if _order(*item) > _order_of(payload)]
        items: list[Found] = []
        size = 0
        last: tuple[float, Match] | None = None
        for score, match in ranked:
            if len(items) == limit or size > limits.PAGE_BYTES:
                break
            last = (score, match)
            text = await self._store.match_text(principal.tenant, match, terms)
            if text is not None:
                items.append(_found(score, match, text))
                size += len(items[-1].text.encode()) + _FOUND_BYTES
        rest = last is not None and _order(*last) < _order(*ranked[-1])
        return FoundPage(tuple(items), self._cursor(principal, *last) if last and rest else None)

    async def hits(self, principal: Principal, key: ContextKey, query: str) -> list[int]:
        """Seqs of one context's entries in which any term occurs, the best first.

        Each term finds its newest `limits.SEARCH_HITS` entries; what has more of them, and
        rarer ones, comes first.

        Raises:
            MissingError: the caller may not read there.
            SchemaError: there is no word to look for.
            TooLargeError: the query is over its bounds.
            SearchDisabledError: the store keeps no index of words.
        """
        access.require(principal, Verb.READ, key)
        terms = parse(query)
        if not terms:
            detail = "there is no word to look for in the query"
            raise SchemaError(detail, errors=(Violation("/query", detail),))
        found: dict[int, Match] = {}
        counts: dict[int, list[int]] = {}
        for place, term in enumerate(terms):
            asked = SearchQuery(
                policy.visibility(principal),
                (term,),
                candidates=limits.SEARCH_HITS,
                entries_of=key,
            )
            for match in await self._store.matches(principal.tenant, asked):
                seq = match.seq or 0
                found[seq] = match
                counts.setdefault(seq, [0] * len(terms))[place] = match.frequencies[0]
        matches = [replace(each, frequencies=tuple(counts[seq])) for seq, each in found.items()]
        return [match.seq or 0 for _, match in rank(matches)]

    def _cursor(self, principal: Principal, score: float, match: Match) -> str:
        return self._seal.close(CURSOR, principal.tenant, principal.subject, _order(score, match))


_Order = tuple[float, int, str, str, int]


def _order(score: float, match: Match) -> _Order:
    key = match.head.key
    return (-score, -match.at, key.namespace, key.name, match.seq or 0)


def _order_of(payload: Sequence[float | str]) -> _Order:
    score, at, namespace, name, seq = payload
    return (float(score), int(at), str(namespace), str(name), int(seq))


def rank(matches: Sequence[Match]) -> list[tuple[float, Match]]:
    """Matches with their scores, the best first; equal ones by time, then by name."""
    if not matches:
        return []
    average = sum(match.length for match in matches) / len(matches) or 1.0
    weights = [
        _weight(sum(1 for match in matches if match.frequencies[term]), len(matches))
        for term in range(len(matches[0].frequencies))
    ]
    scored = [(_score(match, weights, average), match) for match in matches]
    return sorted(scored, key=lambda item: _order(*item))


def _weight(having: int, total: int) -> float:
    return math.log(1 + (total - having + 0.5) / (having + 0.5))


def _score(match: Match, weights: Sequence[float], average: float) -> float:
    norm = _K1 * (1 - _B + _B * match.length / average)
    score = sum(
        weight * frequency * (_K1 + 1) / (frequency + norm)
        for weight, frequency in zip(weights, match.frequencies, strict=True)
    )
    return round(score, 6)


def _found(score: float, match: Match, text: MatchText) -> Found:
    cut, highlights = excerpt(text.text, text.highlights)
    head = match.head
    return Found(head.key, head.kind, match.seq, score, cut, highlights)


def excerpt(
    text: str, highlights: tuple[tuple[int, int], ...]
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text around its first highlight, and the highlights that fall into it."""
    if len(text) <= limits.SEARCH_TEXT_CHARS:
        return text, highlights[: limits.SEARCH_HIGHLIGHTS]
    first = highlights[0][0] if highlights else 0
    start = max(0, min(first - limits.SEARCH_TEXT_CHARS // 3, len(text) - limits.SEARCH_TEXT_CHARS))
    end = start + limits.SEARCH_TEXT_CHARS
    kept = tuple((a - start, b - start) for a, b in highlights if a >= start and b <= end)
    return text[start:end], kept[: limits.SEARCH_HIGHLIGHTS]
