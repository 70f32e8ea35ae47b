"""Characters that a reader does not see or that are written in more than one way.

Text without a byte above 127 has none of them, which is told in no time.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from backstory.processing.transforms.patterns import BytesPattern
from backstory.processing.transforms.transform import Text

_HIDDEN: Final = re.compile(
    "[\U000e0000-\U000e007f"  # tag characters: a text in the text that only models read
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # bidirectional controls (UAX #9)
)
_HIDDEN_BYTES: Final = BytesPattern(
    rb"\xf3\xa0[\x80\x81]|\xd8\x9c|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)


class RemoveHidden:
    """Takes out Unicode tag characters and bidirectional controls.

    Right-to-left text keeps its direction from its letters. Flags of regions (England,
    Scotland, Wales), which are written with tag characters, become black flags.
    """

    name = "hidden"

    def suspects(self, raw: bytes) -> bool:
        return not raw.isascii() and _HIDDEN_BYTES.found_in(raw)

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        done = [_HIDDEN.subn("", value) for value, _ in texts]
        removed = sum(count for _, count in done)
        if removed:
            counts[f"{self.name}:characters"] += removed
        return [value for value, _ in done]


class Nfc:
    """Brings texts into Unicode normalisation form C (UAX #15)."""

    name = "nfc"

    def suspects(self, raw: bytes) -> bool:
        return not raw.isascii() and not unicodedata.is_normalized("NFC", raw.decode())

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        done = [unicodedata.normalize("NFC", value) for value, _ in texts]
        _count(self.name, texts, done, counts)
        return done


class Lines:
    """Ends every line with a line feed, whatever ended it before, and touches nothing else."""

    name = "lines"

    def suspects(self, raw: bytes) -> bool:
        return b"\\r" in raw or not raw.isascii()

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        done = [_LINE_END.sub("\n", value) for value, _ in texts]
        _count(self.name, texts, done, counts)
        return done


class Whitespace:
    """Tidies prose: blanks at the ends and in rows, more than one empty line.

    Not for code or Markdown, in which blanks mean something; `Lines` is.
    """

    name = "whitespace"

    def suspects(self, raw: bytes) -> bool:
        return b"  " in raw or b'" ' in raw or b' "' in raw or b"\\" in raw or not raw.isascii()

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        done = [_tidied(value) for value, _ in texts]
        _count(self.name, texts, done, counts)
        return done


_LINE_END: Final = re.compile("\r\n|[\r\x85\u2028\u2029]")
_BLANKS: Final = re.compile("[ \t\v\f\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_EMPTY_LINES: Final = re.compile("\n{3,}")


def _tidied(value: str) -> str:
    lines = _BLANKS.sub(" ", _LINE_END.sub("\n", value)).split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join(line.strip(" ") for line in lines)).strip("\n")


def _count(name: str, texts: Sequence[Text], done: list[str], counts: Counter[str]) -> None:
    changed = sum(old != new for (old, _), new in zip(texts, done, strict=True))
    if changed:
        counts[f"{name}:texts"] += changed
