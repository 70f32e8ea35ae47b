"""What a visibility means for an index on namespaces: few ranges, in order, apart.

Byte order is what both stores compare by. All bytes of a namespace lie between "-" and "z",
so U+0001 comes directly behind a namespace itself, and "/" directly behind its children.
"""

from __future__ import annotations

from collections.abc import Iterator

from backstory.domain.policy import Visibility

Range = tuple[str, str]
"""Namespaces from the first (included) to the second (excluded)."""

_END = "~"
_BEHIND_RESERVED = "`"  # the byte after "_"


def ranges(visible: Visibility) -> tuple[Range, ...]:
    """The namespaces that are visible, as ranges that neither touch nor overlap."""
    merged: list[Range] = []
    for low, high in sorted(_all(visible)):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def _all(visible: Visibility) -> Iterator[Range]:
    for pattern in visible.patterns:
        if not pattern.base:
            if visible.reserved:
                yield "", _END
            else:
                yield from (("", "_"), (_BEHIND_RESERVED, _END))
            continue
        yield pattern.base, pattern.base + "\x01"
        if pattern.below:
            yield pattern.base + ".", pattern.base + "/"


def behind(prefix: str) -> str:
    """The first text, by bytes, behind all that begin so; `prefix` is ASCII and not empty."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
