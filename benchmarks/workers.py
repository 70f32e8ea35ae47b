"""Two workers on one SQLite file beside one, where servers and who asks them share two cores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import cases, cores, servers, wrk
from benchmarks.client import Client
from benchmarks.report import Measured, Ratio
from benchmarks.wrk import Asked

ROUNDS, SECONDS = 7, 2
WANTED = 1.4
READS = {"REST read": Asked(cases.PATH), "MCP read_context": cases.CALL}


def run(folder: Path) -> Iterator[Ratio | Measured]:
    if not wrk.installed():
        print("wrk is not installed; workers is left out", file=sys.stderr)
        return
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(
                servers.backstory(folder / f"{count}.db", "--workers", count, core=cores.BOTH)
            )
            for name, count in (("one worker", "1"), ("two workers", "2"))
        }
        for port in ports.values():
            with Client(port) as client:
                client.json("PUT", cases.PATH, {"kind": "session", "state": cases.STATE})
        for what, asked in READS.items():
            rates = _rates(folder, ports, asked)
            yield Measured(f"{what}, on two cores", "answers/s", rates)
            one, two = rates.values()
            detail = f"{one:.0f}/s by one, {two:.0f}/s by two: {two / one:.2f}, wanted {WANTED:g}"
            yield Ratio(f"{what}: one worker / two, on two cores", one / two, None, detail)


def _rates(folder: Path, ports: dict[str, int], asked: Asked) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in ports}
    for turn in range(ROUNDS + 1):
        for name, port in ports.items():
            told = wrk.load(folder, port, asked, SECONDS, core=cores.BOTH, threads=2)
            if turn:
                found[name].append(told.rate)
    return {name: median(rates) for name, rates in found.items()}
