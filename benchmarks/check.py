"""`python -m benchmarks.check`: is what a request costs still within the budget?

What counts is the processor time of the server for an answer, beside that of a bare answer in the
same rounds: it does not wait for the disk, nor for the machine's other work. All take turns, and
the cheapest round of each counts, since whatever else goes on only adds to it. What fell is measured
anew, by new servers, and fails where it fell each time. Stores lie in memory where there is room, so that
a disk's moods make no other batches. Linux only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import budget, cases, processor, wrk
from benchmarks.budget import Verdict
from benchmarks.cases import Case

ENTRIES = 2_000
ROUNDS, SECONDS = 4, 1
AGAIN = 2
SHARED, ROOM_BYTES = Path("/dev/shm"), 2**30


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-check", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write what is found as held")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"{ROUNDS} by default")
    chosen = parser.parse_args()
    if not wrk.installed():
        print("error: wrk or taskset is not installed; scripts/servers does that", file=sys.stderr)
        return 1
    try:
        if chosen.record:
            _record(chosen.rounds)
            return 0
        fallen = _fallen(budget.read(), chosen.rounds)
    except budget.BudgetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for work in sorted(fallen):
        print(f"error: {work} costs more than its budget ({budget.FILE.name})", file=sys.stderr)
    return 1 if fallen else 0


def _record(rounds: int) -> None:
    """The lower of two ratios, since a lucky one would be hard to hold."""
    runs = [measured(rounds) for _ in range(2)]
    found = [ratios(costs) for costs in runs]
    lower = {name: min(one[name] for one in found) for name in found[0]}
    text = budget.FILE.read_text(encoding="utf-8")
    budget.FILE.write_text(budget.recorded(text, lower), encoding="utf-8")
    for costs in runs:
        _judged(budget.read(), costs)


def _fallen(held: budget.Budget, rounds: int) -> set[str]:
    """What fell each time."""
    fallen = _judged(held, measured(rounds))
    for _ in range(AGAIN):
        if fallen:
            print("What fell is measured once more ...", flush=True)
            fallen &= _judged(held, measured(rounds))
    return fallen


def measured(rounds: int) -> dict[str, float]:
    """Microseconds of processor for an answer of each case."""
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="backstory-bench-", dir=_place())
        folder = Path(stack.enter_context(made))
        opened = cases.opened(stack, folder, ENTRIES)
        for case in opened.values():
            cost(folder, case)  # what is loaded or compiled at first is no part of it
        taken = [{name: cost(folder, case) for name, case in opened.items()} for _ in range(rounds)]
    return {name: min(one[name] for one in taken) for name in opened}


def _place() -> Path | None:
    """Where files are memory; none where there is too little of it."""
    if SHARED.is_dir() and os.access(SHARED, os.W_OK):
        return SHARED if shutil.disk_usage(SHARED).free >= ROOM_BYTES else None
    return None


def cost(folder: Path, case: Case) -> float:
    before = processor.seconds(case.pid)
    told = wrk.load(folder, case.port, case.asked, SECONDS)
    return (processor.seconds(case.pid) - before) / told.count * 1e6


def ratios(costs: Mapping[str, float]) -> dict[str, float]:
    return {name: costs[cases.BARE] / us for name, us in costs.items() if name != cases.BARE}


def _judged(held: budget.Budget, costs: Mapping[str, float]) -> set[str]:
    """Print the table; what has fallen."""
    verdicts = list(budget.compared(held, ratios(costs)))
    head = ("processor time of", "us", "of a bare answer", "held", "")
    table = Table(*head, box=None, pad_edge=False)
    table.add_row(cases.BARE, f"{costs[cases.BARE]:.1f}", "", "", "")
    for one in verdicts:
        table.add_row(*_cells(one, costs[one.work]), style="bold red" if one.fails else None)
    Console(width=100).print(table)
    return {one.work for one in verdicts if one.fails}


def _cells(one: Verdict, us: float) -> tuple[str, ...]:
    return one.work, f"{us:.1f}", f"{one.found:.3f}", f"{one.held:.3f}", one.says


if __name__ == "__main__":
    sys.exit(main())
