"""Two renders held against each other: why did the model answer differently?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from backstory.domain.chains import Span, subtract
from backstory.domain.intake import escape
from backstory.rendering.ledger import ENTRIES, Row
from backstory.rendering.records import Record
from backstory.rendering.windows import Window


@dataclass(frozen=True, slots=True)
class Rendered:
    """A render: what was asked for, and what came of it."""

    record: Record
    window: Window


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of pieces: whether they are shown, and why."""

    kept: bool
    reason: str

    def view(self) -> dict[str, Any]:
        return {"kept": self.kept, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Turned:
    """Pieces of one source whose fate differs; None where a render knows nothing of them."""

    source: str
    part: str
    before: Fate | None
    after: Fate | None
    seqs: list[list[int]] | None

    def view(self) -> dict[str, Any]:
        """As it is answered."""
        return {
            "source": self.source,
            "part": self.part,
            "from": self.before.view() if self.before else None,
            "to": self.after.view() if self.after else None,
            "seqs": self.seqs,
        }


def comparison(before: Rendered, after: Rendered) -> dict[str, Any]:
    """All that differs between two renders, ready to be answered."""
    turned = _turned(before.window, after.window)
    return {
        "parameters": list(_parameters(before.record, after.record)),
        "versions": _versions(before.window, after.window),
        "ledger": [each.view() for each in turned],
        "entries": _shown_once(turned),
        "first_difference": first_difference(before.window.input, after.window.input),
        "tokens": {"from": before.window.tokens, "to": after.window.tokens},
    }


# -- parameters and versions -------------------------------------------------------------


def _parameters(before: Record, after: Record) -> Iterator[dict[str, Any]]:
    """Members of the requests that differ, those of sources by the source's name."""
    one, two = _members(before), _members(after)
    for place in dict.fromkeys([*one, *two]):
        if one.get(place) != two.get(place):
            source, name = place
            yield {
                "source": source,
                "parameter": name,
                "from": one.get(place),
                "to": two.get(place),
            }


def _members(record: Record) -> dict[tuple[str | None, str], Any]:
    request = record.request
    found: dict[tuple[str | None, str], Any] = {
        (None, name): msgspec.to_builtins(getattr(request, name))
        for name in request.__struct_fields__
        if name != "sources"
    }
    found[None, "sources"] = [source.context for source in request.sources]
    found |= {(None, "counter"): record.counter, (None, "format"): record.form}
    for source in request.sources:
        for name in source.__struct_fields__[1:]:
            found[source.context, name] = msgspec.to_builtins(getattr(source, name))
    return found


def _versions(before: Window, after: Window) -> dict[str, Any]:
    names = dict.fromkeys([*before.versions, *after.versions])
    return {
        name: {"from": before.versions.get(name), "to": after.versions.get(name)} for name in names
    }


# -- the ledger --------------------------------------------------------------------------


def _turned(before: Window, after: Window) -> list[Turned]:
    found: list[Turned] = []
    for name in dict.fromkeys([*before.versions, *after.versions]):
        one = [row for row in before.ledger if row.source == name]
        two = [row for row in after.ledger if row.source == name]
        for part in dict.fromkeys(row.part for row in (*one, *two) if not row.seqs):
            fates = _whole(one, part), _whole(two, part)
            if fates[0] != fates[1]:
                found.append(Turned(name, part, *fates, None))
        found += _entries(name, _fates(one), _fates(two))
    return found


def _whole(rows: Sequence[Row], part: str) -> Fate | None:
    """The fate of a part that is one piece."""
    for row in rows:
        if row.part == part and not row.seqs and (row.kept or row.dropped):
            return Fate(bool(row.kept), row.reason)
    return None


def _fates(rows: Sequence[Row]) -> list[tuple[Span, Fate]]:
    """The fate of each span of seqs, in order; what is shown counts as shown."""
    known: list[Span] = []
    found: list[tuple[Span, Fate]] = []
    for row in sorted(rows, key=lambda row: not row.kept):
        if row.seqs and (row.kept or row.dropped):
            mine = subtract(((first, last) for first, last in row.seqs), known)
            found += [(span, Fate(bool(row.kept), row.reason)) for span in mine]
            known += mine
    return sorted(found, key=lambda each: each[0])


def _entries(
    name: str, before: Sequence[tuple[Span, Fate]], after: Sequence[tuple[Span, Fate]]
) -> Iterator[Turned]:
    """Spans of different fates, those of the same two fates together."""
    ends = {end for (first, last), _ in (*before, *after) for end in (first, last + 1)}
    edges = sorted(ends)
    one, two = _laid_out(before, edges), _laid_out(after, edges)
    grouped: dict[tuple[Fate | None, Fate | None], list[Span]] = {}
    for i, first in enumerate(edges[:-1]):
        if one[i] != two[i]:
            grouped.setdefault((one[i], two[i]), []).append((first, edges[i + 1] - 1))
    for (old, new), found in grouped.items():
        yield Turned(name, ENTRIES, old, new, _joined(found))


def _laid_out(fates: Sequence[tuple[Span, Fate]], edges: Sequence[int]) -> list[Fate | None]:
    """The fate from each edge to the next."""
    found: list[Fate | None] = []
    at = 0
    for edge in edges:
        while at < len(fates) and fates[at][0][1] < edge:
            at += 1
        inside = at < len(fates) and fates[at][0][0] <= edge
        found.append(fates[at][1] if inside else None)
    return found


def _joined(found: Sequence[Span]) -> list[list[int]]:
    return [list(span) for span in subtract(found, ())]


def _shown_once(turned: Sequence[Turned]) -> list[dict[str, Any]]:
    """The entries that only one of the two shows."""
    found: dict[str, dict[str, Any]] = {}
    for each in turned:
        was, is_ = bool(each.before and each.before.kept), bool(each.after and each.after.kept)
        if each.part == ENTRIES and each.seqs and was != is_:
            row = found.setdefault(
                each.source, {"source": each.source, "only_in_from": [], "only_in_to": []}
            )
            side = "only_in_from" if was else "only_in_to"
            row[side] = _joined([(a, b) for a, b in (*row[side], *each.seqs)])
    return list(found.values())


# -- the input ---------------------------------------------------------------------------


def first_difference(before: Any, after: Any, pointer: str = "") -> dict[str, Any] | None:
    """Where two inputs begin to differ: a JSON Pointer, and characters into a text there."""
    if before == after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            inner = f"{pointer}/{escape(name)}"
            if name not in before or name not in after:
                return {"pointer": inner, "offset": None}
            if (found := first_difference(before[name], after[name], inner)) is not None:
                return found
    if isinstance(before, list) and isinstance(after, list):
        for i, (one, two) in enumerate(zip(before, after, strict=False)):
            if (found := first_difference(one, two, f"{pointer}/{i}")) is not None:
                return found
        return {"pointer": f"{pointer}/{min(len(before), len(after))}", "offset": None}
    if isinstance(before, str) and isinstance(after, str):
        same = (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
        return {"pointer": pointer, "offset": next(same, min(len(before), len(after)))}
    return {"pointer": pointer, "offset": None}
