"""Requests in numbers, counted where they are served.

Each request is, so not even an event is made of it: to count is to add to what stands. Whoever
shows the numbers takes what was added since. `served` adds itself, without a call for each.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate
from operator import add, sub

from backstory.observability.catalogue import (
    ANSWER_BYTES,
    ERRORS,
    MCP_CALLS,
    MCP_SECONDS,
    REQUEST_SECONDS,
    REQUESTS,
    STALE_ANSWERS,
    Metric,
)
from backstory.observability.tallying import Key, Taken
from backstory.ports.events import OK, Called

Answer = tuple[str, str, int, str]
"""Route, method, status and coding."""
Call = tuple[str, str, str]
"""Method of MCP, tool and code."""
Seen = list[float]
"""Of answers of a kind: the seconds until each began, a long poll's waiting included; the bytes of their
bodies that went out; how many were not timed; and how many others fell into each bucket of
`REQUEST_SECONDS`. All but the first are whole numbers. Of calls in the same way, without bytes.
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
        self.calls: dict[Call, Seen] = {}
        self._taken: dict[Answer | Call, Seen] = {}
        self._counted: dict[Key, float] = {}

    def first(self, answer: Answer) -> Seen:
        """The first answer of its kind is about to be counted."""
        seen = self.answers[answer] = _nothing(REQUEST_SECONDS)
        return seen

    def called(self, call: Called, *, timed: bool) -> None:
        """A request of MCP is done."""
        kind = (call.method, call.tool, call.code)
        seen = self.calls.get(kind)
        if seen is None:
            seen = self.calls[kind] = _nothing(MCP_SECONDS)
        if timed:
            seen[SECONDS] += call.seconds
            seen[BUCKETS + bisect_left(MCP_SECONDS.buckets, call.seconds)] += 1
        else:
            seen[UNTIMED] += 1

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
            came, shown = self._came(answer, standing.copy())
            route, method, status, coding = answer
            counts[REQUESTS, route, method, status] += sum(came[UNTIMED:])
            counts[ANSWER_BYTES, coding] += came[BYTES]
            _add(seen, (REQUEST_SECONDS, route, method), shown)
        for call, standing in self.calls.copy().items():
            came, shown = self._came(call, standing.copy())
            counts[MCP_CALLS, *call] += sum(came[UNTIMED:])
            _add(seen, (MCP_SECONDS, *call[:2]), shown)
        return counts, seen

    def _came(self, kind: Answer | Call, total: Seen) -> tuple[Seen, list[float]]:
        """What came since it was taken last, and how it is shown."""
        before, self._taken[kind] = self._taken.get(kind), total
        came = total if before is None else list(map(sub, total, before))
        return came, _all_timed(came, came if any(came[BUCKETS:]) else total)


def _nothing(metric: Metric) -> Seen:
    return [0.0, *[0] * (BUCKETS + len(metric.buckets))]


def _add(seen: dict[Key, list[float]], key: Key, more: list[float]) -> None:
    known = seen.get(key)
    seen[key] = list(map(add, known, more)) if known else more


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
