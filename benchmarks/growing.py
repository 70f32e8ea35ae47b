"""What grows with a store: works timed at each size, and the memory of the server that does them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import servers, stocking, timing
from benchmarks.client import Client
from benchmarks.report import Measured, Ratio

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 100
Works = Mapping[str, Callable[[], object]]


def sizes() -> tuple[int, ...]:
    """As many of the sizes as BENCH_MOST allows, to try it out."""
    most = int(os.environ.get("BENCH_MOST", SIZES[-1]))
    return tuple(size for size in SIZES if size <= most)


class Curves:
    """Numbers by size, of one work after the other."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], dict[str, float]] = {}

    def add(self, size: int, unit: str, values: Mapping[str, float]) -> None:
        for what, value in values.items():
            self._found.setdefault((what, unit), {})[str(size)] = value

    def measured(self) -> Iterator[Measured]:
        for (what, unit), values in self._found.items():
            yield Measured(what, unit, values)

    def ratios(self, grown: Sequence[str], at_most: float) -> Iterator[Ratio]:
        """The largest beside the smallest, of works that need not grow."""
        for (what, unit), values in self._found.items():
            (small, least), (large, most) = list(values.items())[:: max(1, len(values) - 1)]
            bound = None if what in grown else at_most
            detail = f"{most:.3g} and {least:.3g} {unit}"
            work = f"{what}: {int(large):,} / {int(small):,}"
            yield Ratio(work, most / least, bound, detail)


def measure(curves: Curves, size: int, store: Path, works: Callable[[Client], Works]) -> None:
    """Start a server on the store as it is, and time all works in turns."""
    begun = time.perf_counter()
    with servers.process(store) as (port, pid), Client(port) as client:
        servers.ready(port)
        started = time.perf_counter() - begun
        stocking.indexed(store)
        taken = timing.medians(works(client), ROUNDS)
        curves.add(size, "ms", {what: 1e3 * seconds for what, seconds in taken.items()})
        curves.add(size, "ms", {"start until ready": 1e3 * started})
        memory = servers.resident(pid, "RssAnon") / 2**20
        curves.add(size, "MiB", {"anonymous memory": memory, "on disk": stocking.size(store)})
