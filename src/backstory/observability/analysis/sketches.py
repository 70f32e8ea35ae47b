"""Counts of bounded size, however much is counted."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_STEPS: Final = 16  # of a lasting's scale, between one and its double: 4.4% apart
_SPANS: Final = 120  # of time, at least half of them in use


class Lasting:
    """How long things took, in milliseconds: quantiles that are right to 5%."""

    __slots__ = ("_steps", "count", "most", "total")

    def __init__(self) -> None:
        self._steps: dict[int, int] = {}
        self.count, self.total, self.most = 0, 0.0, 0.0

    def add(self, milliseconds: float, weight: int = 1) -> None:
        step = round(math.log2(max(milliseconds, 0.001)) * _STEPS)
        self._steps[step] = self._steps.get(step, 0) + weight
        self.count += weight
        self.total += weight * milliseconds
        self.most = max(self.most, milliseconds)

    def quantile(self, share: float) -> float:
        """What this share took at most; 0 of nothing."""
        left = math.ceil(share * self.count)
        for step in sorted(self._steps):
            left -= self._steps[step]
            if left <= 0:
                return float(min(2.0 ** (step / _STEPS), self.most))
        return 0.0


class Most(Generic[K]):
    """The most frequent of any number of things (Space-Saving, Metwally et al. 2005).

    With up to `room` different things all counts are exact. With more, a count may be too high
    by what `over` tells, and what was more frequent than that is there.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._counts: dict[K, float] = {}
        self.over = 0.0

    def add(self, key: K, weight: float = 1) -> None:
        if key in self._counts:
            self._counts[key] += weight
        elif len(self._counts) < self._room:
            self._counts[key] = self.over + weight
        else:
            self._make_room()
            self._counts[key] = self.over + weight

    def _make_room(self) -> None:
        """Takes a tenth out at once, so that it is rarely done."""
        ordered = sorted(self._counts.items(), key=lambda item: item[1])
        gone = max(self._room // 10, 1)
        self.over = ordered[gone - 1][1]
        self._counts = dict(ordered[gone:])

    def top(self, count: int) -> list[tuple[K, float]]:
        return sorted(self._counts.items(), key=lambda item: (-item[1], str(item[0])))[:count]

    def __len__(self) -> int:
        return len(self._counts)

    def __contains__(self, key: K) -> bool:
        return key in self._counts


class Spans(Generic[K]):
    """What happened when: counts in spans of time, which grow with what they cover.

    Times are seconds, and may come in any order.
    """

    def __init__(self) -> None:
        self.width = 1.0
        self._spans: dict[int, dict[K, float]] = {}

    def add(self, at: float, key: K, weight: float = 1) -> None:
        number = int(at // self.width)
        span = self._spans.get(number)
        if span is None:
            span = self._spans[number] = {}
            while max(self._spans) - min(self._spans) >= _SPANS:
                self._widen()
            span = self._spans[int(at // self.width)]
        span[key] = span.get(key, 0) + weight

    def _widen(self) -> None:
        self.width *= 2
        wider: dict[int, dict[K, float]] = {}
        for number, span in self._spans.items():
            into = wider.setdefault(number // 2, {})
            for key, count in span.items():
                into[key] = into.get(key, 0) + count
        self._spans = wider

    def __iter__(self) -> Iterator[tuple[float, dict[K, float]]]:
        """When each span begins, with its counts, empty ones between included."""
        if not self._spans:
            return
        for number in range(min(self._spans), max(self._spans) + 1):
            yield number * self.width, self._spans.get(number, {})
