"""Requests in numbers, counted where they are served.

Each request is, so not even an event is made of it: to count is to add to what stands. Whoever
shows the numbers takes what was added since. `served` adds itself, without a call for each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import accumulate
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
their bodies that went out; how many were not timed; how many others fell into each bucket of
`REQUEST_SECONDS`. All but the first are whole numbers.
"""
SECONDS, BYTES, UNTIMED, BUCKETS = 0, 1, 2, 3


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
        seen = self.answers[answer] = [0.0, *[0] * (BUCKETS + len(REQUEST_SECONDS.buckets))]
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
            total = standing.copy()
            came = self._more(answer, total)
            route, method, status, coding = answer
            counts[REQUESTS, route, method, status] += sum(came[UNTIMED:])
            counts[ANSWER_BYTES, coding] += came[BYTES]
            more = _all_timed(came, came if any(came[BUCKETS:]) else total)
            known = seen.get((REQUEST_SECONDS, route, method))
            seen[REQUEST_SECONDS, route, method] = list(map(add, known, more)) if known else more
        return counts, seen

    def _more(self, answer: Answer, now: Seen) -> Seen:
        before, self._taken[answer] = self._taken.get(answer), now
        return now if before is None else list(map(sub, now, before))


def _all_timed(came: Seen, like: Seen) -> list[float]:
    """What came, in buckets and the sum, as if those not timed had taken as long as these did."""
    seconds, _, untimed, *buckets = came
    timed = sum(like[BUCKETS:])
    if not untimed or not timed:
        return [buckets[0] + untimed, *buckets[1:], seconds]
    # Rounded together, so that there is none more or less.
    upto = [untimed * each // timed for each in accumulate(like[BUCKETS:])]
    more = map(sub, upto, [0, *upto])
    return [*map(add, buckets, more), seconds + like[SECONDS] * untimed / timed]
