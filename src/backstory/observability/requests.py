"""Requests in numbers, counted where they are served.

Each request is, so not even an event is made of it: to count is to add to what stands. Whoever
shows the numbers takes what was added since. `served` adds itself, without a call for each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from operator import add, sub

from backstory.observability.catalogue import (
    ANSWER_BYTES,
    ERRORS,
    REQUEST_SECONDS,
    REQUESTS,
    STALE_ANSWERS,
)
from backstory.observability.tallying import Key, Taken
from backstory.ports.events import OK

Answer = tuple[str, str, int, str]
"""Route, method, status and coding."""
Seen = list[float]
"""Of answers of a kind: the seconds until each began, a long poll's waiting included, and the bytes of
their bodies that went out; how long the last took that waited for nothing; then how many fell into each bucket of `REQUEST_SECONDS`.

What is added to most comes first: the interpreter finds it in half the time.
"""
SECONDS, BYTES, LAST, BUCKETS = 0, 1, 2, 3


class Requests:
    """All of one process since it began, added to by `served` on the event loop."""

    def __init__(self) -> None:
        self.in_flight = 0
        """Under way."""
        self.answers: dict[Answer, Seen] = {}
        self.rare: Counter[Key] = Counter()
        """What few come to: errors, and answers from copies."""
        self._taken: dict[Answer, Seen] = {}
        self._counted: dict[Key, float] = {}

    def first(self, answer: Answer) -> Seen:
        """The first answer of its kind is about to be counted."""
        seen = self.answers[answer] = [0.0] * (BUCKETS + len(REQUEST_SECONDS.buckets) + 1)
        return seen

    def uncommon(self, route: str, code: str, *, stale: bool) -> None:
        """The answer is an error, or from a copy."""
        if code != OK:
            self.rare[ERRORS, route, code] += 1
        if stale:
            self.rare[STALE_ANSWERS, route] += 1

    def take(self) -> Taken:
        """What came since it was taken last. From any thread, one at a time."""
        counts: defaultdict[Key, float] = defaultdict(float)
        seen: dict[Key, list[float]] = {}
        for key, now in self.rare.copy().items():
            counts[key], self._counted[key] = now - self._counted.get(key, 0), now
        for answer, standing in self.answers.copy().items():
            seconds, sent, _, *buckets = self._more(answer, standing.copy())
            route, method, status, coding = answer
            counts[REQUESTS, route, method, status] += sum(buckets)
            counts[ANSWER_BYTES, coding] += sent
            more, known = [*buckets, seconds], seen.get((REQUEST_SECONDS, route, method))
            seen[REQUEST_SECONDS, route, method] = list(map(add, known, more)) if known else more
        return counts, seen

    def _more(self, answer: Answer, now: Seen) -> Seen:
        before, self._taken[answer] = self._taken.get(answer), now
        return now if before is None else list(map(sub, now, before))
