"""Summaries: entries that stand in for a range of entries before them.

A summary is an entry of type `summary` whose metadata say what it covers:
`{"covers": [first_seq, last_seq]}`. The entries themselves stay where they are. Whoever writes
one, its range is checked; an entry of that type without `covers` stands in for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

from backstory.domain.chains import Span
from backstory.errors import SchemaError, Violation

SUMMARY: Final = "summary"
"""The type of entries that are summaries."""
COVERS: Final = "covers"
SUMMARISER: Final = "summariser"
FALLBACK: Final = "fallback"
CUT: Final = " …"
"""Stands where a text was too long."""


class Summary(Struct, frozen=True):
    """Where a summary is, and the seqs that it covers, both included."""

    seq: int
    first: int
    last: int


def covers_of(kind: str, metadata: bytes | None) -> Span | None:
    """What an entry of this type with these metadata covers; None where it covers nothing."""
    if kind != SUMMARY or metadata is None:
        return None
    found = orjson.loads(metadata).get(COVERS)
    return (found[0], found[1]) if _is_span(found) else None


def check(kind: str, metadata: bytes | None, seq: int, pointer: str) -> None:
    """Pass, where the entry that gets this seq is no summary or covers entries before it.

    Raises:
        SchemaError: `covers` is no range, or reaches out of the log.
    """
    if kind != SUMMARY or metadata is None:
        return
    found = orjson.loads(metadata).get(COVERS)
    if found is None or (_is_span(found) and found[1] < seq):
        return
    detail = (
        "must be [first_seq, last_seq] of entries before the summary, "
        f"from 1 to {seq - 1}, the first not behind the last"
    )
    place = f"{pointer}/metadata/{COVERS}"
    raise SchemaError(f"{place}: {detail}", errors=(Violation(place, detail),))


def _is_span(found: Any) -> bool:
    return (
        isinstance(found, list)
        and len(found) == 2
        and all(isinstance(seq, int) and not isinstance(seq, bool) for seq in found)
        and 1 <= found[0] <= found[1]
    )


def shortened(text: str, tokens: int, count: Callable[[str], int]) -> str:
    """The text, or as much of its beginning as is within so many tokens, with a mark."""
    if count(text) <= tokens:
        return text
    fits, ends = 0, len(text)
    while ends - fits > 1:
        middle = (fits + ends) // 2
        if count(text[:middle] + CUT) <= tokens:
            fits = middle
        else:
            ends = middle
    kept = text[:fits]
    words = kept.rpartition(" ")[0]
    return (words if 2 * len(words) > len(kept) else kept).rstrip() + CUT


def standing(newest_first: Sequence[Summary], first: int) -> tuple[Summary, ...]:
    """The summaries that together reach furthest from the entry `first` on, without a hole."""
    chosen: list[Summary] = []
    end = first - 1
    while True:
        fitting = [each for each in newest_first if each.first <= end + 1 and each.last > end]
        if not fitting:
            return tuple(chosen)
        chosen.append(max(fitting, key=lambda each: (each.last, each.seq)))
        end = chosen[-1].last
