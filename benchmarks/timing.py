"""Timing that holds when the machine's speed drifts: interleaved rounds, medians."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median


def medians(
    works: Mapping[str, Callable[[], object]],
    rounds: int,
    warmup: int = 5,
    before: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Median seconds of each work, taken in turn; `before` is done before each, untimed."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(warmup + rounds):
        for name, work in works.items():
            if before is not None:
                before()
            start = time.perf_counter()
            work()
            if turn >= warmup:
                taken[name].append(time.perf_counter() - start)
    return {name: median(times) for name, times in taken.items()}


def micros(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us"
