"""Texts that are too long are cut, or summarised first where a hook can do that."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from backstory.processing.transforms.transform import Text

Summarise = Callable[[str, int], str]
"""Makes a text of at most so many characters of a longer one. Pure and quick, because the
write waits for it; what takes long belongs behind the write."""

MARK: Final = "[truncated]"
_COMBINING: Final = 16  # marks on one letter that are looked at


@dataclass(frozen=True, slots=True)
class Truncate:
    """Keeps at most `characters` of each text, the mark at the cut included."""

    characters: int
    summarise: Summarise | None = None
    name: str = "truncate"

    def suspects(self, raw: bytes) -> bool:
        return len(raw) > self.characters

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        return [self._short(value, counts) for value, _ in texts]

    def _short(self, text: str, counts: Counter[str]) -> str:
        if len(text) <= self.characters:
            return text
        if self.summarise is not None:
            summary = self.summarise(text, self.characters)
            if len(summary) <= self.characters:
                counts[f"{self.name}:summarised"] += 1
                return summary
        counts[f"{self.name}:cut"] += 1
        if self.characters <= len(MARK):
            return text[: self.characters]
        return text[: _before_letter(text, self.characters - len(MARK))] + MARK


def _before_letter(text: str, at: int) -> int:
    """The place at or before `at` that parts no letter from the marks on it."""
    for place in range(at, max(at - _COMBINING, 0), -1):
        if not unicodedata.combining(text[place]):
            return place
    return at
