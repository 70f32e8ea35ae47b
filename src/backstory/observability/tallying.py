"""Numbers that are gathered in plain memory, and given to Prometheus' library a few times a second.

One of its own increments costs some microseconds where workers share files, and a request has
many; here it is a tenth of that. Whoever is killed takes the last moment's numbers along.
"""

from __future__ import annotations

from bisect import bisect_left
from threading import Lock

from backstory.observability.catalogue import Metric

Key = tuple[Metric, *tuple[str | int, ...]]
"""A metric and the values of its labels."""
Taken = tuple[dict[Key, float], dict[Key, list[float]]]
"""What came of counters, and of histograms: as many in each bucket, above them all, and the sum."""


class Tally:
    """Counts and observations since they were taken last. From any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[Key, float] = {}
        self._seen: dict[Key, list[float]] = {}

    def count(self, key: Key, by: float = 1) -> None:
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + by

    def observe(self, key: Key, *values: float) -> None:
        bounds = key[0].buckets
        with self._lock:
            seen = self._seen.get(key)
            if seen is None:
                seen = self._seen[key] = empty(key[0])
            for value in values:
                seen[bisect_left(bounds, value)] += 1
            seen[-1] += sum(values)

    def take(self) -> Taken:
        """All there is; it begins anew."""
        with self._lock:
            counts, self._counts = self._counts, {}
            seen, self._seen = self._seen, {}
        return counts, seen


def empty(metric: Metric) -> list[float]:
    """One for each bucket, one above them all, and the sum."""
    return [0.0] * (len(metric.buckets) + 2)
