"""A summary without a model: the sentences that together say most.

Budgeted coverage of concepts (Filatova and Hatzivassiloglou 2004; Gillick and Favre 2009):
a sentence is worth the concepts in it that no chosen sentence has yet, and the next to be
chosen is the one worth most for its length (the greedy rule of Khuller, Moss and Naor 1999,
evaluated lazily as by Minoux 1978). Concepts are words weighed by TF-ISF; numbers and names
weigh more. As in Edmundson (1969), cue words and the place count too: decisions and later
words are worth more, questions less. The same turns always give the same text.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backstory.domain.summaries import SUMMARY, shortened
from backstory.ports.summariser import EXTRACTIVE, Count, Made, Turn
from backstory.summarising.sentences import sentences

_WORD: Final = re.compile(r"\w+(?:[.,:'\u2019@/-]\w+)*")
_SPOKEN: Final = re.compile(r"([a-z][a-z0-9_-]{0,31}): (.*)")
_CUES: Final = re.compile(
    r"\b(?:confirm\w*|book(?:ed|ing)?|reserv\w+|order(?:ed)?|decid\w+|decision|agree\w*|choos\w+|chose\w*"
    r"|must|need\w*|prefer\w*|total|price|costs?|cancel\w*|instead|chang\w+|because|due|deadline"
    r"|error|fail\w*|fixed|solved|done|result|successful\w*)\b",
    re.IGNORECASE,
)
_NUMBER: Final = 4.0
_NAME: Final = 2.5
_DECISION: Final = 2.0
_ONCE: Final = 0.3
_CUE: Final = 1.4
_QUESTION: Final = 0.6
_LATE: Final = 0.6  # what the last sentence is worth more than the first
_TOLD: Final = 1.2  # a sentence that a summary has kept before
_OVERHEAD: Final = 4  # words that a sentence costs beside its own
_MISFITS: Final = 64  # sentences in a row that do not fit any more


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a line; `worth` multiplies what its concepts weigh."""

    line: int
    role: str
    text: str
    concepts: frozenset[str]
    worth: float
    length: int


class Extractive:
    """`ports.summariser.Summariser` by choosing sentences. Holds nothing."""

    def __init__(self, count: Count) -> None:
        self._count = count

    async def summarise(self, turns: Sequence[Turn], tokens: int) -> Made:
        """As `extract`, in a thread. Never fails."""
        text = await asyncio.to_thread(extract, turns, tokens, self._count)
        return Made(text, EXTRACTIVE)

    async def aclose(self) -> None:
        """Nothing to let go of."""


def extract(turns: Sequence[Turn], tokens: int, count: Count) -> str:
    """The summary. Takes time in proportion to the text, not to its square.

    Where not one sentence fits, or there is none, the turns are cut as they stand.
    """
    found = list(_sentences(turns))
    chosen = _choose(found, _weights(found), tokens, count)
    text = _joined(found, chosen)
    while len(chosen) > 1 and count(text) > tokens:  # lines counted alone may join otherwise
        chosen.pop()
        text = _joined(found, chosen)
    return text or shortened("\n".join(_line(t.role, t.text) for t in turns), tokens, count)


def _sentences(turns: Sequence[Turn]) -> Iterator[_Sentence]:
    lines = list(_lines(turns))
    for number, (role, text, told) in enumerate(lines):
        place = 1 + _LATE * number / len(lines)
        for sentence in sentences(text):
            words = _WORD.findall(sentence)
            if words:
                worth = place * _cues(sentence) * (_TOLD if told else 1)
                concepts = frozenset(_concepts(words))
                yield _Sentence(number, role, sentence, concepts, worth, len(words) + _OVERHEAD)


def _lines(turns: Sequence[Turn]) -> Iterator[tuple[str, str, bool]]:
    """Who says what. The lines of an earlier summary say themselves whose they are."""
    for turn in turns:
        if turn.role != SUMMARY:
            yield turn.role, turn.text, False
            continue
        for line in turn.text.splitlines():
            spoken = _SPOKEN.fullmatch(line)
            yield (spoken[1], spoken[2], True) if spoken else ("", line, True)


def _cues(sentence: str) -> float:
    worth = _CUE if _CUES.search(sentence) else 1.0
    return worth * _QUESTION if sentence.rstrip("\"'”\u2019)]").endswith(("?", "\uff1f")) else worth


def _concepts(words: Sequence[str]) -> Iterator[str]:
    """Words in one spelling: `#` before numbers, `@` before names, `!` before cue words."""
    for place, word in enumerate(words):
        if any(map(str.isdigit, word)):
            yield f"#{word.casefold()}"
        elif (place and word[0].isupper() and len(word) > 1) or "@" in word:
            yield f"@{word.casefold()}"
        elif _CUES.fullmatch(word):
            yield f"!{word.casefold()}"
        elif len(word) > 1:
            yield word.casefold()


def _weights(found: Sequence[_Sentence]) -> Mapping[str, float]:
    """TF-ISF; what stands in most sentences says next to nothing."""
    times = Counter(concept for each in found for concept in each.concepts)
    weights: dict[str, float] = {}
    for concept, number in times.items():
        weight = math.log1p(number) * math.log((1 + len(found)) / number)
        if concept[0] == "#":
            weight *= _NUMBER
        elif concept[0] == "@":
            weight *= _NAME
        elif concept[0] == "!":
            weight *= _DECISION
        elif number == 1:
            weight *= _ONCE
        weights[concept] = weight
    return weights


def _choose(
    found: Sequence[_Sentence], weights: Mapping[str, float], tokens: int, count: Count
) -> list[int]:
    """The places of the best sentences, the best first, as far as they fit."""
    covered: set[str] = set()
    chosen: list[int] = []
    room, misfits = tokens, 0
    heap = [(-_gain(each, weights, covered), place) for place, each in enumerate(found)]
    heapq.heapify(heap)
    while heap and misfits < _MISFITS and room > 0:
        before, place = heapq.heappop(heap)
        each = found[place]
        gain = _gain(each, weights, covered)
        if gain <= 0:
            continue
        if gain < -before:  # somebody has said part of it meanwhile
            heapq.heappush(heap, (-gain, place))
            continue
        cost = count(_line(each.role, each.text)) + 1
        if cost > room:
            misfits += 1
            continue
        misfits, room = 0, room - cost
        covered |= each.concepts
        chosen.append(place)
    return chosen


def _gain(each: _Sentence, weights: Mapping[str, float], covered: set[str]) -> float:
    # Sorted, since sums of floats depend on their order, and that of a set changes.
    fresh = sorted(weights[concept] for concept in each.concepts if concept not in covered)
    return sum(fresh) * each.worth / each.length


def _joined(found: Sequence[_Sentence], chosen: Sequence[int]) -> str:
    """The chosen sentences in their old order, those of one line on one line."""
    lines: dict[int, tuple[str, list[str]]] = {}
    for place in sorted(chosen):
        each = found[place]
        lines.setdefault(each.line, (each.role, []))[1].append(each.text)
    return "\n".join(_line(role, " ".join(texts)) for role, texts in lines.values())


def _line(role: str, text: str) -> str:
    return f"{role}: {text}" if role else text
