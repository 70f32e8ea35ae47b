"""Counting tokens without a network: vocabularies come with a wheel, other counts are estimates.

A counter is exact for text where the provider publishes its vocabulary. Where it does not, a
published one is scaled so that the estimate errs on the safe side (docs/reference/render.md
states by how much, and how that was measured).
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from splintr import AnyTokenizer, Tokenizer

from backstory.domain.entries import Shape
from backstory.errors import UnknownModelError

STORED: Final = "o200k_base"
"""The vocabulary that entries are counted with when they are written."""

_DEAR: Final = re.compile("[\u0100-\u024f\u0370-\u03ff\u0530-\u058f\u0900-\u1fff]")
"""Latin with more than accents, Greek, Armenian, the scripts of India and South East Asia."""
_SAMPLE: Final = "zqxjkw"  # no token, so the tables of merges are made for it


_loaded: dict[str, AnyTokenizer] = {}


def _load(name: str) -> AnyTokenizer:
    """Takes about 0.2 s and 50 MB the first time, and is ready then; later calls share it."""
    vocabulary = _loaded.get(name)
    if vocabulary is None:
        vocabulary = Tokenizer.from_pretrained(name)
        vocabulary.encode_ordinary(_SAMPLE)
        _loaded[name] = vocabulary
    return vocabulary


def ready() -> None:
    """Load what `count_stored` needs, so that no write waits for it. Takes about 0.2 s."""
    _load(STORED)


def count_stored(text: str) -> int:
    """Tokens of a text as they are kept with entries; what `Tally.know` takes."""
    return len(_load(STORED).encode_ordinary(text))


@dataclass(frozen=True, slots=True)
class Counter:
    """How many tokens a text has for a family of models.

    `factor` scales the count of the vocabulary; 1 where the vocabulary is the provider's own.
    `foreign` is added for each character beyond ASCII, where other scripts may cost more, and
    `dear` for each of a script that small vocabularies spell out nearly byte by byte.
    """

    name: str
    vocabulary: str
    exact: bool
    factor: float = 1.0
    foreign: float = 0.0
    dear: float = 0.0

    async def load(self) -> None:
        """Make ready to count, aside from the event loop where that takes time."""
        if self.vocabulary not in _loaded:
            await asyncio.to_thread(_load, self.vocabulary)

    def count(self, text: str) -> int:
        """Tokens of the text; what looks like a control token counts as the text it is."""
        return self.scaled(len(_load(self.vocabulary).encode_ordinary(text)), text)

    def scaled(self, tokens: int, text: str) -> int:
        """What the vocabulary's tokens of a text come to."""
        if self.factor == 1.0 or not tokens:
            return tokens
        if text.isascii():
            return math.ceil(tokens * self.factor)
        beyond = len(text) - len(text.encode("ascii", "ignore"))
        added = beyond * self.foreign + len(_DEAR.findall(text)) * self.dear
        return math.ceil(tokens * self.factor + added)


class Tally:
    """A counter that remembers, for one render, what it has counted."""

    __slots__ = ("_counter", "_plain", "_seen", "_stored", "exact", "name")

    def __init__(self, counter: Counter) -> None:
        self.name = counter.name
        self.exact = counter.exact
        self._counter = counter
        self._stored = counter.vocabulary == STORED
        self._plain = counter.factor == 1.0
        self._seen: dict[str, int] = {}

    def know(self, text: str, stored: int) -> None:
        """Count nothing for this text: it has so many tokens of the vocabulary `STORED`."""
        if self._stored:
            self._seen[text] = stored if self._plain else self._counter.scaled(stored, text)

    def reckoned(self, stored: int, shape: Shape) -> int | None:
        """Tokens of a text of this shape that was not read, None where nobody can tell."""
        if not self._stored or shape is Shape.OTHER:
            return None
        if self._plain:
            return stored
        return self._counter.scaled(stored, "") if shape is Shape.ASCII else None

    def count(self, text: str) -> int:
        """Tokens of the text."""
        found = self._seen.get(text)
        if found is None:
            found = self._seen[text] = self._counter.count(text)
        return found


COUNTERS: Final[Mapping[str, Counter]] = MappingProxyType(
    {
        counter.name: counter
        for counter in (
            Counter("o200k_base", "o200k_base", exact=True),
            Counter("cl100k_base", "cl100k_base", exact=True),
            Counter("gemini-estimate", "gemma3", exact=False, factor=1.05),
            Counter("claude-estimate", STORED, exact=False, factor=1.8, foreign=0.5, dear=1.1),
            Counter(
                "claude-older-estimate", STORED, exact=False, factor=1.5, foreign=0.5, dear=1.1
            ),
            Counter("llama3", "llama3", exact=True),
            Counter("qwen3", "qwen3", exact=True),
            Counter("deepseek_v3", "deepseek_v3", exact=True),
            Counter("mistral_v3", "mistral_v3", exact=True),
            Counter("any-estimate", STORED, exact=False, factor=1.5, foreign=0.5, dear=1.1),
        )
    }
)
"""All counters by name."""

FALLBACK: Final = COUNTERS["any-estimate"]
"""For a model that nobody told us of, where the request allows it."""


def counter_named(name: str) -> Counter:
    """The counter of that name.

    Raises:
        UnknownModelError: there is none; the detail lists those there are.
    """
    if name in COUNTERS:
        return COUNTERS[name]
    raise UnknownModelError(f"there is no such counter; there are {', '.join(COUNTERS)}")
