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
from backstory.observability.tallying import Key, Taken, empty

Answer = tuple[str, str, int]
"""Route, method and status."""


class Requests:
    """All of one process since it began, added to by `served` on the event loop."""

    def __init__(self) -> None:
        self.in_flight = 0
        """Under way."""
        self.sent: defaultdict[str, int] = defaultdict(int)
        """Bytes of answers that went out, by their coding."""
        self.answers: dict[Answer, list[float]] = {}
        """How long it took until each began, a long poll's waiting included."""
        self.rare: Counter[Key] = Counter()
        """What few come to: errors, and answers from copies."""
        self._taken: dict[Answer, list[float]] = {}
        self._counted: dict[Key, float] = {}

    def first(self, answer: Answer) -> list[float]:
        """The first answer of its kind is about to be counted."""
        seen = self.answers[answer] = empty(REQUEST_SECONDS)
        return seen

    def erred(self, route: str, code: str) -> None:
        self.rare[ERRORS, route, code] += 1

    def stale(self, route: str) -> None:
        self.rare[STALE_ANSWERS, route] += 1

    def take(self) -> Taken:
        """What came since it was taken last. From any thread, one at a time."""
        counts: dict[Key, float] = {}
        seen: dict[Key, list[float]] = {}
        sent = {(ANSWER_BYTES, coding): many for coding, many in self.sent.copy().items()}
        for key, now in (sent | self.rare.copy()).items():
            counts[key], self._counted[key] = now - self._counted.get(key, 0), now
        for answer, standing in self.answers.copy().items():
            more = self._more(answer, standing.copy())
            route, method, _ = answer
            counts[REQUESTS, *answer] = sum(more[:-1])
            known = seen.get((REQUEST_SECONDS, route, method))
            seen[REQUEST_SECONDS, route, method] = list(map(add, known, more)) if known else more
        return counts, seen

    def _more(self, answer: Answer, now: list[float]) -> list[float]:
        before, self._taken[answer] = self._taken.get(answer), now
        return now if before is None else list(map(sub, now, before))
