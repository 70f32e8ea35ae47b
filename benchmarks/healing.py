"""How soon a server is whole again, and how soon it says that it is not.

A worker is killed while entries are appended over any number of connections: until another one in
its place answers, and whether every entry that was acknowledged is there. A store is killed, and
one stops to answer without a word: until `/readyz` falls. Each ratio is the longest that it took,
by what was promised.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.client import Client
from benchmarks.report import Ratio

TIMES = 3
WORKERS = 2
WORKER_SECONDS = 3.0
STORE_SECONDS = 5.0
PATIENCE = 60.0
WRITERS = 2
CHAT = "/v1/contexts/bench/chat"
INSIGHTS = "/v1/admin/insights"


def run(folder: Path) -> Iterator[Ratio]:
    yield _workers(folder)
    yield from _stores()


# -- a worker that is killed -----------------------------------------------------------------


def _workers(folder: Path) -> Ratio:
    taken, lost = [], 0
    for turn in range(TIMES):
        options = ("--workers", str(WORKERS), "--insights")
        with servers.process(folder / f"workers{turn}.db", *options) as (port, _):
            with Client(port) as client:
                client.json("PUT", CHAT, {"kind": "conversation"})
            with _writing(port) as acknowledged:
                taken.append(_killed(port))
            lost += len(acknowledged - _kept(port))
    if lost:
        raise RuntimeError(f"{lost} acknowledged entries are gone")
    work = f"a killed worker to full service / {WORKER_SECONDS:g} s"
    return _ratio(work, taken, WORKER_SECONDS)


def _killed(port: int) -> float:
    """Seconds until one that was not there before answers."""
    before: set[int] = set()
    _until(lambda: before.update(_process(port)) or len(before) == WORKERS)
    os.kill(min(before), signal.SIGKILL)
    begun = time.monotonic()
    _until(lambda: _process(port) - before)
    return time.monotonic() - begun


def _process(port: int) -> set[int]:
    """Which process answers a new connection; empty where none does, or some have not begun."""
    with suppress(OSError, RuntimeError), Client(port) as client:
        scope = client.json("GET", INSIGHTS)["scope"]
        return {int(scope["process"])} if scope["workers"] == WORKERS else set()
    return set()


@contextmanager
def _writing(port: int) -> Iterator[set[str]]:
    """Entries are appended, each until it is acknowledged; yields the ids of those that were."""
    acknowledged: set[str] = set()
    stop = threading.Event()

    def write(name: int) -> None:
        number = 0
        while not stop.is_set():
            entry = {"id": f"{name}-{number}", "role": "user", "content": "x"}
            with suppress(OSError, RuntimeError), Client(port) as client:
                client.json("POST", f"{CHAT}/entries", {"entries": [entry]})
                acknowledged.add(entry["id"])
                number += 1

    threads = [threading.Thread(target=write, args=(name,)) for name in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _kept(port: int) -> set[str]:
    with Client(port) as client:
        kept: set[str] = set()
        query = "?limit=1000"
        while True:
            page = client.json("GET", f"{CHAT}/entries{query}")
            kept |= {entry["id"] for entry in page["items"]}
            if not page["next"]:
                return kept
            query = f"?limit=1000&after={page['next']}"


# -- a store that is dead --------------------------------------------------------------------


def _stores() -> Iterator[Ratio]:
    sys.path.insert(0, str(servers.ROOT / "tests"))
    from postgres_server import running

    with running(on_disk=True) as database:
        if database is None:
            print("PostgreSQL is not installed; stores are left out", file=sys.stderr)
            return
        with servers.backstory(database.url()) as port:
            for how, hurt in (("killed", _kill), ("silent", _silence)):
                taken = [_fallen(port, database, hurt) for _ in range(TIMES)]
                work = f"a {how} store to a fallen /readyz / {STORE_SECONDS:g} s"
                yield _ratio(work, taken, STORE_SECONDS)


def _fallen(port: int, database: Any, hurt: Callable[[Any], Callable[[], None]]) -> float:
    with Client(port) as client:
        _until(lambda: client.request("GET", "/readyz")[0] == 200)
        heal = hurt(database)
        begun = time.monotonic()
        try:
            _until(lambda: client.request("GET", "/readyz")[0] == 503)
            return time.monotonic() - begun
        finally:
            heal()


def _kill(database: Any) -> Callable[[], None]:
    database.kill()
    started: Callable[[], None] = database.start
    return started


def _silence(database: Any) -> Callable[[], None]:
    """Its processes stand still, as behind a network that swallows everything."""
    postmaster = int((database.folder / "data" / "postmaster.pid").read_text().split()[0])
    family = (postmaster, *_children(postmaster))
    for pid in family:
        os.kill(pid, signal.SIGSTOP)

    def heal() -> None:
        for pid in family:
            os.kill(pid, signal.SIGCONT)

    return heal


# -- both ------------------------------------------------------------------------------------


def _ratio(work: str, taken: list[float], most: float) -> Ratio:
    told = ", ".join(f"{seconds:.2f}" for seconds in taken)
    return Ratio(work, max(taken) / most, 1.0, f"{told} s")


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for one in found for child in one.read_text().split()]


def _until(holds: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What it gives as soon as that is true.

    Raises:
        TimeoutError: it is not.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.002)
    raise TimeoutError("it did not come to be")
