"""Numbers that are gathered in plain memory, and given to Prometheus' library a few times a second.

One of its own increments costs some microseconds where workers share files, and a request has
many; here it is a tenth of that. Whoever is killed takes the last moment's numbers along.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import add
from threading import Lock

from backstory.observability.catalogue import FAST, REQUEST_SECONDS, REQUESTS, Metric
from backstory.ports.events import Answered

Answer = tuple[str, str, int]
"""Route, method and status."""
Key = tuple[Metric, *tuple[str | int, ...]]
"""A metric and the values of its labels."""


class Tally:
    """Counts and observations since they were taken last. From any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[Key, float] = {}
        self._seen: dict[Key, list[float]] = {}
        self._answers: dict[Answer, list[float]] = {}

    def answers(self, answers: Sequence[Answered]) -> None:
        """What is counted most of all: `REQUESTS` and `REQUEST_SECONDS` at once."""
        with self._lock:
            found = self._answers
            for each in answers:
                key = (each.route, each.method, each.status)
                seen = found.get(key)
                if seen is None:
                    seen = found[key] = _empty(REQUEST_SECONDS)
                seconds = each.seconds
                seen[bisect_left(FAST, seconds)] += 1
                seen[-1] += seconds

    def count(self, key: Key, by: float = 1) -> None:
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + by

    def observe(self, key: Key, value: float, weight: int = 1) -> None:
        bounds = key[0].buckets
        with self._lock:
            seen = self._seen.get(key)
            if seen is None:
                seen = self._seen[key] = _empty(key[0])
            seen[bisect_left(bounds, value)] += weight
            seen[-1] += value * weight

    def take(self) -> tuple[dict[Key, float], dict[Key, list[float]]]:
        """All there is; it begins anew."""
        with self._lock:
            counts, self._counts = self._counts, {}
            seen, self._seen = self._seen, {}
            answers, self._answers = self._answers, {}
        for (route, method, status), found in answers.items():
            counts[REQUESTS, route, method, status] = sum(found[:-1])
            known = seen.setdefault((REQUEST_SECONDS, route, method), _empty(REQUEST_SECONDS))
            known[:] = map(add, known, found)
        return counts, seen


def _empty(metric: Metric) -> list[float]:
    """One for each bucket, one above them all, and the sum."""
    return [0.0] * (len(metric.buckets) + 2)
