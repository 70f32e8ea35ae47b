"""Backstory and its peers keep conversations: the same work, in one run, taking turns.

Servers have a core, those who ask them another; libraries work where they are asked. Times are the
median of all rounds. What is kept is durable in each: SQLite as the peer sets it, PostgreSQL.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import servers
from benchmarks.peers import LEFT_OUT, serving
from benchmarks.peers.work import EACH, NO_SERVER, PEERS, THREADS
from benchmarks.report import Ratio

OURS = "Backstory"
LENGTHS = (10, 100, 1000)
ROUNDS, TIMES = 3, 10
_SERVER, _CLIENT = "0", "1"


class _Asked:
    """A worker, which does one thing at a time."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        self._name = name
        command = ["taskset", "-c", _CLIENT, str(serving.PYTHON), "-m", "benchmarks.peers.work"]
        self._process = subprocess.Popen(
            [*command, name, str(folder), str(port)],
            cwd=servers.ROOT,
            env=os.environ
            | {"PYTHONPATH": "", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._line()

    def do(self, what: str, times: int = 0) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, "times": times}) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait(10)}")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(30)


def run(folder: Path) -> Iterator[Ratio]:
    if shutil.which("taskset") is None or not serving.installed():
        return
    for name, reason in LEFT_OUT.items():
        print(f"{name} is left out: it {reason}", file=sys.stderr)
    with ExitStack() as stack:
        ports = {OURS: stack.enter_context(servers.backstory(folder / "o.db", core=_SERVER))}
        url = stack.enter_context(servers.postgres())
        if url is not None:
            ports["Kinto"] = stack.enter_context(serving.kinto(folder, url, _SERVER))
        asked = {}
        for name in PEERS:
            if name in ports or name in NO_SERVER:
                own = folder / name.replace(" ", "-")
                own.mkdir()
                asked[name] = _Asked(name, own, ports.get(name, 0))
                stack.callback(asked[name].close)
        yield from _compared(asked)


def _compared(asked: dict[str, _Asked]) -> Iterator[Ratio]:
    for length in LENGTHS:
        for one in asked.values():
            one.do("fill", length)
        yield from _timed(asked, "append", f"an append to {length:,} messages")
    for one in asked.values():
        one.do("fill", LENGTHS[-1])
    yield from _timed(asked, "read", f"a full read of {LENGTHS[-1]:,} messages")
    yield from _timed(asked, "catch_up", f"a catch-up by one of {LENGTHS[-1]:,}")
    yield from _raced(asked)


def _timed(asked: dict[str, _Asked], do: str, work: str) -> Iterator[Ratio]:
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    sizes = dict.fromkeys(asked, 0)
    for _ in range(ROUNDS):
        for name, one in asked.items():
            told = one.do(do, TIMES)
            seconds[name] += told["seconds"]
            sizes[name] = told["bytes"]
    ours = median(seconds[OURS])
    for name in asked:
        if name != OURS:
            theirs = median(seconds[name])
            bound = 0.5 if (name, do) == ("Kinto", "read") else None
            detail = f"{1e3 * ours:.2f} ms {OURS}, {1e3 * theirs:.2f} ms {name}"
            if sizes[name]:
                detail += f"; {sizes[OURS]:,} and {sizes[name]:,} bytes"
            yield Ratio(f"{work}: {OURS} / {name}", ours / theirs, bound, detail)


def _raced(asked: dict[str, _Asked]) -> Iterator[Ratio]:
    told: dict[str, list[Any]] = {name: [] for name in asked}
    for _ in range(ROUNDS):
        for name, one in asked.items():
            told[name].append(one.do("hot"))
    rates = {
        name: median(each["kept"] / each["seconds"] for each in all_) for name, all_ in told.items()
    }
    lost = {
        name: sum(each["acknowledged"] - each["kept"] for each in all_)
        for name, all_ in told.items()
    }
    if lost[OURS]:
        raise RuntimeError(f"{lost[OURS]} acknowledged appends were lost")
    sent = ROUNDS * THREADS * EACH
    for name in asked:
        if name != OURS:
            bound = 0.5 if name == "OpenAI Agents session" else None
            detail = (
                f"{rates[OURS]:.0f}/s kept by {OURS}, {rates[name]:.0f}/s by {name}, "
                f"which lost {lost[name]} of {sent} that it acknowledged"
            )
            work = f"{THREADS} writers of one conversation: {name} / {OURS}"
            yield Ratio(work, rates[name] / rates[OURS], bound, detail)
