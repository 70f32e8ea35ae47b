"""Texts cut into sentences, in one pass and without knowing their language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 400
"""Characters of a sentence; what has no end before is cut at a blank, or at once."""

# Begins at the first of several marks only and never goes back, or a row of them would take
# time in the square of its length.
_END: Final = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”\u2019)\]]*+(?=\s)|[\u3002\uff01\uff1f]++[\u300d\u300f”]*+|\n++"
)
_NO_END: Final = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|vs|etc|approx|e\.g|i\.e|a\.m|p\.m)\.)\Z"
)


def sentences(text: str) -> Iterator[str]:
    """The sentences in order, blanks between words made one, none empty."""
    start = 0
    for end in _END.finditer(text):
        if end[0] == "." and _NO_END.search(text, max(start, end.end() - 8), end.end()):
            continue
        yield from _pieces(text[start : end.end()])
        start = end.end()
    yield from _pieces(text[start:])


def _pieces(sentence: str) -> Iterator[str]:
    rest = " ".join(sentence.split())
    while len(rest) > LONGEST:
        at = rest.rfind(" ", 1, LONGEST + 1)
        at = LONGEST if at < 0 else at
        yield rest[:at]
        rest = rest[at:].lstrip()
    if rest:
        yield rest
