"""What one worker serves: reads over REST and MCP beside a bare answer and the official SDK.

Server and client have a core each, 32 connections ask for a context of 1 KB, and the rounds of
all servers take turns. Ratios are of answers a second; the round in the middle counts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import budget, cases, cores, servers, wrk
from benchmarks.cases import BARE, CALL, PATH, STATE
from benchmarks.client import Client
from benchmarks.peers import serving as peers
from benchmarks.report import Measured, Ratio
from benchmarks.wrk import Asked

ROUNDS, SECONDS = 7, 1
ENTRIES = 100_000
APPEND = "durable append"
FAST, SLOW = "MCP read_context", "MCP read_context without the lane"
SDK, FASTMCP = "the SDK's server", "FastMCP"


def run(folder: Path) -> Iterator[Ratio | Measured]:
    if not wrk.installed():
        print("wrk is not installed; serving is left out", file=sys.stderr)
        return
    with ExitStack() as stack:
        opened = cases.opened(stack, folder, ENTRIES)
        asked = {name: (case.port, case.asked) for name, case in opened.items()}
        append = {BARE: asked[BARE], APPEND: asked.pop(APPEND)}
        reads = _rates(folder, asked | _others(stack, folder))
        appends = _rates(folder, append)
    yield Measured("reads of one worker", "answers/s", reads)
    yield Measured("appends of one worker", "answers/s", appends)
    wanted = budget.read()
    for rates in (reads, appends):
        for what in rates:
            if what in wanted.rows:
                yield _ratio(BARE, what, rates, wanted.rows[what].wanted)
    for what in (SDK, FASTMCP, SLOW):
        if what in reads:
            yield _ratio(what, FAST, reads, wanted.times.get(what))


def _others(stack: ExitStack, folder: Path) -> dict[str, tuple[int, Asked]]:
    """The same call of other servers, and of ours as the SDK serves it."""
    slow = stack.enter_context(
        servers.backstory(folder / "slow.db", core=cores.SERVER, BACKSTORY_MCP_FAST_LANE="off")
    )
    with Client(slow) as client:
        client.json("PUT", PATH, {"kind": "session", "state": STATE})
    found = {
        SLOW: (slow, CALL),
        SDK: (stack.enter_context(servers.sdk(core=cores.SERVER))[0], CALL),
    }
    if peers.installed():
        found[FASTMCP] = stack.enter_context(peers.fastmcp(core=cores.SERVER))[0], CALL
    return found


def _rates(folder: Path, asked: Mapping[str, tuple[int, Asked]]) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(ROUNDS + 1):
        for name, (port, request) in asked.items():
            rate = wrk.rate(folder, port, request, SECONDS)
            if turn:
                found[name].append(rate)
    return {name: median(rates) for name, rates in found.items()}


def _ratio(against: str, what: str, rates: Mapping[str, float], wanted: float | None) -> Ratio:
    times = rates[what] / rates[against]
    detail = f"{rates[against]:.0f}/s {against}, {rates[what]:.0f}/s {what}: {times:.2f} of it"
    if wanted:
        detail += f", wanted {wanted:g}"
    return Ratio(f"{against} / {what}", 1 / times, None, detail)
