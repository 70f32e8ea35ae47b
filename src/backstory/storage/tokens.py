"""Words and phrases of a search, found again in a text as character offsets.

The tokenizer is the one that the index was made with, so that what matched is what is
highlighted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Token = tuple[int, int, str]
"""First and last byte (excluded) in the UTF-8 text, and the word as the index has it."""
Tokens = Callable[[str], Sequence[Token]]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow one another; the last may be only the beginning of one."""

    tokens: tuple[str, ...]
    prefix: bool


def phrase(tokens: Tokens, term: str) -> Phrase:
    """The phrase that a term spells: words as typed, and maybe `*` behind the last."""
    words = tuple(word for _, _, word in tokens(term))
    return Phrase(words, prefix=bool(words) and term.endswith("*"))


def highlights(tokens: Tokens, text: str, phrases: Iterable[Phrase]) -> tuple[tuple[int, int], ...]:
    """Where the phrases occur, as (start, end) pairs of characters, in order and apart."""
    found = tokens(text)
    words = [word for _, _, word in found]
    spans: list[tuple[int, int]] = []
    for wanted in phrases:
        size = len(wanted.tokens)
        spans += [(found[at][0], found[at + size - 1][1]) for at in _occurrences(words, wanted)]
    return _in_characters(text, _join(spans))


def count(tokens: Tokens, text: str, wanted: Phrase) -> int:
    """How often the phrase occurs."""
    return len(_occurrences([word for _, _, word in tokens(text)], wanted))


def _occurrences(words: Sequence[str], wanted: Phrase) -> list[int]:
    size = len(wanted.tokens)
    if not size:
        return []
    return [at for at in range(len(words) - size + 1) if _begins(words, at, wanted)]


def _begins(words: Sequence[str], at: int, wanted: Phrase) -> bool:
    *whole, last = wanted.tokens
    here = words[at + len(whole)]
    fits = here.startswith(last) if wanted.prefix else here == last
    return fits and all(words[at + n] == word for n, word in enumerate(whole))


def _join(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes in order, in spans that do not overlap."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _in_characters(text: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Byte offsets as character offsets, in one walk over the text."""
    if text.isascii():
        return tuple(spans)
    raw = text.encode()
    pairs: list[tuple[int, int]] = []
    byte = character = 0
    for start, end in spans:
        character += len(raw[byte:start].decode())
        length = len(raw[start:end].decode())
        pairs.append((character, character + length))
        byte, character = end, character + length
    return tuple(pairs)
