"""What a visibility means for an index on namespaces: few ranges, in order, apart.

Byte order is what both stores compare by. All bytes of a namespace lie between "-" and "z",
so U+0001 comes directly behind a namespace itself, and "/" directly behind its children.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backstory.domain.keys import NamespacePattern
from backstory.domain.policy import Visibility

Range = tuple[str, str]
"""Namespaces from the first (included) to the second (excluded)."""

_END = "~"
_BEHIND_RESERVED = "`"  # the byte after "_"


def ranges(visible: Visibility) -> tuple[Range, ...]:
    """The namespaces that are visible, as ranges that neither touch nor overlap."""
    shown = _merged(_all(visible))
    if not visible.hidden:
        return tuple(shown)
    hidden = _merged(each for pattern in visible.hidden for each in _of(pattern))
    kept = _merged(each for pattern in visible.kept for each in _of(pattern))
    return tuple(_without(shown, _without(hidden, kept)))


def _merged(found: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _without(shown: list[Range], hidden: list[Range]) -> list[Range]:
    """What the one list has and the other has not; both are in order and apart."""
    left: list[Range] = []
    for low, high in shown:
        at = low
        for begin, end in hidden:
            if end <= at or begin >= high:
                continue
            if begin > at:
                left.append((at, begin))
            at = end
        if at < high:
            left.append((at, high))
    return left


def _all(visible: Visibility) -> Iterator[Range]:
    for pattern in visible.patterns:
        if not pattern.base and not visible.reserved:
            yield from (("", "_"), (_BEHIND_RESERVED, _END))
        else:
            yield from _of(pattern)


def _of(pattern: NamespacePattern) -> Iterator[Range]:
    if not pattern.base:
        yield "", _END
        return
    yield pattern.base, pattern.base + "\x01"
    if pattern.below:
        yield pattern.base + ".", pattern.base + "/"


def behind(prefix: str) -> str:
    """The first text, by bytes, behind all that begin so; `prefix` is ASCII and not empty."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
