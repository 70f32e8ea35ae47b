"""What grows with a store: works timed at each size, and the memory of the server that does them.

Times are those that the caller waits, which has the disk and the machine's other work in it; the server's
processor time has neither, and is what is bounded.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks import processor, servers, stocking, timing
from benchmarks.client import Client
from benchmarks.report import Measured, Ratio

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
BASE = 1_000
ROUNDS, BLOCKS = 100, 5
IDLE, QUIET_SECONDS = 0.05, 600.0  # of a core
PROCESSOR = "ms of processor"
Works = Mapping[str, Callable[[], object]]


def sizes() -> tuple[int, ...]:
    """As many of the sizes as BENCH_MOST allows, to try it out."""
    most = int(os.environ.get("BENCH_MOST", SIZES[-1]))
    return tuple(size for size in SIZES if size <= most)


def grown(
    store: Path,
    stock: Callable[[range], object],
    works: Callable[[Client, int], Works],
) -> Curves:
    """The works at each size; `stock` adds what lies between two sizes."""
    curves, before = Curves(), 0
    for size in sizes():
        stock(range(before, size))
        before = size
        measure(curves, size, store, lambda client, size=size: works(client, size))
    return curves


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

    def ratios(self, at_most: float) -> Iterator[Ratio]:
        """The largest size beside `BASE`, where caches hold as little of the store."""
        for (what, unit), values in self._found.items():
            sizes = [size for size in values if int(size) <= BASE]
            small, large = sizes[-1], list(values)[-1]
            least, most = values[small], values[large]
            bound = at_most if unit == PROCESSOR else None
            detail = f"{most:.3g} and {least:.3g} {unit}"
            work = f"{what}: {int(large):,} / {int(small):,}"
            yield Ratio(work, most / least, bound, detail)


def measure(curves: Curves, size: int, store: Path, works: Callable[[Client], Works]) -> None:
    """Start a server on the store as it is, and time all works in turns."""
    print(f"  {size:,} ...", file=sys.stderr, flush=True)
    begun = time.perf_counter()
    with servers.process(store) as (port, pid), Client(port) as client:
        servers.ready(port)
        started = time.perf_counter() - begun
        stocking.indexed(store)
        curves.add(size, "s", {"work of its own after the start": _quiet(pid)})
        asked = works(client)
        taken = timing.medians(asked, ROUNDS)
        curves.add(size, "ms", {what: 1e3 * seconds for what, seconds in taken.items()})
        costs = {f"{what}, worked": _processor(pid, work) for what, work in asked.items()}
        curves.add(size, PROCESSOR, costs)
        curves.add(size, "s", {"start until ready": started})
        memory = servers.resident(pid, "RssAnon") / 2**20
        curves.add(size, "MiB", {"anonymous memory": memory, "on disk": stocking.size(store)})


def _quiet(pid: int) -> float:
    """Wait until the server has nothing more to do by itself; seconds."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < QUIET_SECONDS:
        before = processor.seconds(pid)
        time.sleep(1)
        if processor.seconds(pid) - before < IDLE:
            break
    return time.perf_counter() - begun - 1


def _processor(pid: int, work: Callable[[], object]) -> float:
    """Milliseconds that the server works for one, in the cheapest of some blocks."""
    found = []
    for _ in range(BLOCKS):
        before = processor.seconds(pid)
        for _ in range(ROUNDS // BLOCKS):
            work()
        found.append((processor.seconds(pid) - before) / (ROUNDS // BLOCKS))
    return 1e3 * min(found)
