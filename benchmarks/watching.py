"""How soon a watcher on another node hears of a change, by each bus and without one.

Two nodes on one PostgreSQL, a stream of events from each. Time runs from before the write is
sent to one node until the line of its change is read from either, so the commit is in it.
"""

from __future__ import annotations

import json
import queue
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Self

from benchmarks import servers
from benchmarks.client import Client
from benchmarks.report import Ratio

CHANGES = 300
CHANGES_UNTOLD = 40  # without a bus, each begins behind a look and takes about a second
MOST_MS = 50.0  # at the median, on another node
POLL_MS = 1000.0
SLACK = 1.2  # of the second without a bus: the commit, and the reading
CHAT = "/v1/contexts/bench/chat"
SAID = {"entries": [{"role": "user", "content": "hello"}]}


def run(folder: Path) -> Iterator[Ratio]:
    del folder
    with servers.postgres() as url, servers.redis() as redis:
        if url is None:
            print("PostgreSQL is not installed; watching is left out", file=sys.stderr)
            return
        yield from _told("LISTEN", *_measure(url, "store", CHANGES))
        if redis is None:
            print("Redis is not installed; its bus is left out", file=sys.stderr)
        else:
            yield from _told("Redis", *_measure(url, redis, CHANGES))
        _, there = _measure(url, "memory://", CHANGES_UNTOLD)
        yield Ratio(
            "slowest change heard of on another node without a bus / 1 s",
            max(there) / POLL_MS,
            SLACK,
            f"median {median(there):.0f} ms, slowest {max(there):.0f} ms",
        )


def _told(bus: str, here: list[float], there: list[float]) -> Iterator[Ratio]:
    detail = f"median {median(there):.1f} ms, p99 {quantiles(there, n=100)[98]:.1f} ms"
    yield Ratio(
        f"change heard of on another node by {bus} / {MOST_MS:.0f} ms",
        median(there) / MOST_MS,
        1.0,
        detail,
    )
    detail = f"median {median(here):.1f} ms, p99 {quantiles(here, n=100)[98]:.1f} ms on the same"
    yield Ratio(
        f"change heard of on another node by {bus} / on the same node",
        median(there) / median(here),
        None,
        detail,
    )


def _measure(url: str, bus: str, changes: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each change: to the watcher on the writer's node, and on the other."""
    with ExitStack() as stack:
        ports = [
            stack.enter_context(servers.backstory(url, "--bus", bus, "--log-level", "error"))
            for _ in range(2)
        ]
        client = stack.enter_context(Client(ports[0]))
        client.json("PUT", CHAT, {"kind": "conversation"})
        watchers = [stack.enter_context(_Watcher(port)) for port in ports]
        _write(client, watchers)  # what is loaded at first is no part of it
        taken = [_write(client, watchers) for _ in range(changes)]
    here, there = zip(*taken, strict=True)
    return list(here), list(there)


def _write(client: Client, watchers: list[_Watcher]) -> list[float]:
    time.sleep(random.uniform(0.01, 0.04))
    begun = time.perf_counter()
    version = client.json("POST", f"{CHAT}/entries", SAID)["version"]
    return [(watcher.heard(version) - begun) * 1000 for watcher in watchers]


class _Watcher:
    """A stream of events, read in a thread; notes when each version was heard of."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        lines = [
            "GET /v1/changes?after=now HTTP/1.1",
            f"host: 127.0.0.1:{port}",
            "accept: text/event-stream",
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass  # the head; from here on nothing is missed
        self._heard: queue.Queue[tuple[int, float]] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._file.close()
        self._socket.close()

    def _read(self) -> None:
        for line in self._file:
            if line.startswith(b"data: "):
                at = time.perf_counter()
                self._heard.put((json.loads(line[6:])["version"], at))

    def heard(self, version: int) -> float:
        """When it was; a change that is missed or told of twice fails the run."""
        found, at = self._heard.get(timeout=30)
        if found != version:
            raise RuntimeError(f"version {found} was told of instead of {version}")
        return at
