"""Backstory and its peers keep conversations: the same work, in one run, taking turns.

Servers have a core, those who ask them another; libraries work where they are asked. Times are the
median of all rounds. What is kept is durable in each: SQLite as the peer sets it, PostgreSQL.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from backstory.rendering.counters import counter_named
from benchmarks import cores, servers
from benchmarks.asking import Asked
from benchmarks.peers import LEFT_OUT, serving
from benchmarks.peers.work import EACH, NO_SERVER, PEERS, THREADS, TURNS
from benchmarks.report import Measured, Ratio
from benchmarks.sending import VOCABULARY

OURS = "Backstory"
LENGTHS = (10, 100, 1000)
ROUNDS, TIMES, DAYS = 3, 10, 2
AT_MOST = {("read", "Kinto"): 0.5}
Peers = Mapping[str, Asked]


def run(folder: Path) -> Iterator[Ratio | Measured]:
    if shutil.which("taskset") is None or not serving.installed():
        return
    for name, reason in LEFT_OUT.items():
        print(f"{name} is left out: it {reason}", file=sys.stderr)
    with ExitStack() as stack:
        peers = _started(stack, folder)
        yield Measured("memory before", "MiB", _memory(peers))
        for length in LENGTHS:
            yield from _at(peers, length)
        yield from _days(peers)
        yield from _raced(peers)
        yield Measured("memory after", "MiB", _memory(peers))


def _started(stack: ExitStack, folder: Path) -> Peers:
    ports = {OURS: stack.enter_context(servers.process(folder / "o.db", core=cores.SERVER))}
    url = stack.enter_context(servers.postgres())
    if url is not None:
        ports["Kinto"] = stack.enter_context(serving.kinto(folder, url, cores.SERVER))
    peers = {}
    for name in PEERS:
        if name in ports or name in NO_SERVER:
            own = folder / name.replace(" ", "-")
            own.mkdir()
            peers[name] = Asked(name, own, *ports.get(name, ()))
            stack.callback(peers[name].close)
    return peers


def _memory(peers: Peers) -> dict[str, float]:
    return {name: one.resident() / 2**20 for name, one in peers.items()}


def _at(peers: Peers, length: int) -> Iterator[Ratio | Measured]:
    """Appends, full reads and catch-ups with so many messages."""
    works = (
        ("read", f"a full read of {length:,} messages"),
        ("catch_up", f"a catch-up by one of {length:,} messages"),
        ("append", f"an append to {length:,} messages"),
        ("fresh", f"a full read of {length:,} messages after an append"),
    )
    for one in peers.values():
        one.do("fill", length)
    for do, work in works:
        yield from _timed(peers, do, work)


def _timed(peers: Peers, do: str, work: str) -> Iterator[Ratio | Measured]:
    told = _rounds(peers, lambda one: one.do(do, TIMES))
    found = {
        name: 1e3 * median(taken for each in all_ for taken in each["seconds"])
        for name, all_ in told.items()
    }
    yield Measured(work, "ms", found)
    if do in ("read", "catch_up"):
        yield from _sizes(work, {name: all_[-1]["sent"] for name, all_ in told.items()})
    yield from _ratios(work, "ms", found, {name: AT_MOST.get((do, name)) for name in found})


def _sizes(work: str, sent: Mapping[str, str]) -> Iterator[Measured]:
    """What came, in bytes and in tokens of a model that is shown all of it."""
    count = counter_named(VOCABULARY).count
    sizes = {name: float(len(body.encode())) for name, body in sent.items()}
    yield Measured(f"the answer to {work}", "bytes", sizes)
    tokens = {name: float(count(body)) for name, body in sent.items()}
    yield Measured(f"the answer to {work}, in tokens", "tokens", tokens)


def _days(peers: Peers) -> Iterator[Ratio | Measured]:
    told = _rounds(peers, lambda one: one.do("day", DAYS))
    found = {
        name: 1e3 / TURNS * median(taken for each in all_ for taken in each["seconds"])
        for name, all_ in told.items()
    }
    work = "a turn of an agent's day"
    yield Measured(work, "ms", found)
    yield from _ratios(work, "ms", found, {})


def _rounds(peers: Peers, work: Callable[[Asked], Any]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {name: [] for name in peers}
    for _ in range(ROUNDS):
        for name, one in peers.items():
            told[name].append(work(one))
    return told


def _ratios(
    work: str, unit: str, found: Mapping[str, float], at_most: Mapping[str, float | None]
) -> Iterator[Ratio]:
    ours = found[OURS]
    for name, theirs in found.items():
        if name != OURS:
            detail = f"{ours:.2f} {unit} {OURS}, {theirs:.2f} {unit} {name}"
            yield Ratio(f"{work}: {OURS} / {name}", ours / theirs, at_most.get(name), detail)


def _raced(peers: Peers) -> Iterator[Ratio | Measured]:
    told = _rounds(peers, lambda one: one.do("hot"))
    rates = {
        name: median(each["kept"] / each["seconds"] for each in all_) for name, all_ in told.items()
    }
    lost = {
        name: float(sum(each["acknowledged"] - each["kept"] for each in all_))
        for name, all_ in told.items()
    }
    if lost[OURS]:
        raise RuntimeError(f"{lost[OURS]:.0f} acknowledged appends were lost")
    sent = ROUNDS * THREADS * EACH
    yield Measured(f"{THREADS} writers of one conversation", "kept/s", rates)
    yield Measured(f"lost, of {sent} that were acknowledged", "messages", lost)
    for name in peers:
        if name != OURS:
            bound = 0.5 if name == "OpenAI Agents session" else None
            detail = (
                f"{rates[OURS]:.0f}/s kept by {OURS}, {rates[name]:.0f}/s by {name}, "
                f"which lost {lost[name]:.0f} of {sent} that it acknowledged"
            )
            work = f"{THREADS} writers of one conversation: {name} / {OURS}"
            yield Ratio(work, rates[name] / rates[OURS], bound, detail)
