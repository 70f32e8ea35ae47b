"""How long servers take until they answer, and what memory they need, idle and after a load.

Ours is ready once `/readyz` says so; the others once they answer anything. Memory is what the kernel
says of the process: all that lies in memory, and what of it no file is behind (anonymous).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

from benchmarks import cases, cores, servers, wrk
from benchmarks.client import Client
from benchmarks.peers import serving as peers
from benchmarks.report import Measured
from benchmarks.wrk import Asked

STARTS, SECONDS = 5, 5
OURS = "Backstory"
Started = Callable[[], AbstractContextManager[tuple[int, int]]]


def run(folder: Path) -> Iterator[Measured]:
    numbers = iter(range(10**6))
    kinds: dict[str, tuple[Started, Asked]] = {
        "a bare answer": (lambda: servers.bare_process(cores.SERVER), Asked("/")),
        OURS: (lambda: _ours(folder / f"{next(numbers)}.db"), cases.CALL),
        "the SDK's server": (lambda: servers.sdk(cores.SERVER), cases.CALL),
    }
    if peers.installed():
        kinds["FastMCP"] = (lambda: peers.fastmcp(cores.SERVER), cases.CALL)
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(STARTS):
        for name, (started, _) in kinds.items():
            taken[name].append(_start(started, ours=name == OURS))
    yield Measured("start", "ms", {name: 1e3 * median(one) for name, one in taken.items()})
    yield from _memory(folder, kinds)


def _ours(store: Path) -> AbstractContextManager[tuple[int, int]]:
    return servers.process(store, core=cores.SERVER)


def _start(started: Started, *, ours: bool) -> float:
    begun = time.perf_counter()
    with started() as (port, _):
        if ours:
            servers.ready(port)
        else:
            with Client(port) as client:
                client.request("GET", "/")
        return time.perf_counter() - begun


def _memory(folder: Path, kinds: dict[str, tuple[Started, Asked]]) -> Iterator[Measured]:
    found: dict[str, dict[str, float]] = {}
    for name, (started, asked) in kinds.items():
        with started() as (port, pid):
            if name == OURS:
                with Client(port) as client:
                    client.json("PUT", cases.PATH, {"kind": "session", "state": cases.STATE})
            _note(found, "idle", name, pid)
            if wrk.installed():
                wrk.load(folder, port, asked, SECONDS)
                _note(found, f"after {SECONDS} s of all the reads that it could serve", name, pid)
    for what, values in found.items():
        yield Measured(what, "MiB", values)


def _note(found: dict[str, dict[str, float]], when: str, name: str, pid: int) -> None:
    for what, field in (("memory", "VmRSS"), ("anonymous memory", "RssAnon")):
        found.setdefault(f"{what}, {when}", {})[name] = servers.resident(pid, field) / 2**20
