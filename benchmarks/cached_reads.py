"""Reads of a few hot contexts over HTTP: from PostgreSQL by way of the cache, against SQLite.

Each reader waits for its answer before it asks again. The two servers are measured in turns,
and the round in the middle counts. Both are asked by the way of all requests: beside a file most
reads wait for nothing and take a shorter one, which no store on a server can offer.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import uvloop

from benchmarks import servers, text
from benchmarks.client import Client
from benchmarks.report import Ratio

READERS = 32
CONTEXTS = 64
ENTRIES = 20
SECONDS = 0.5
ROUNDS = 21
LONG_WAY = "origin: http://127.0.0.1\r\n"
"""Whatever comes from a page is looked at closely."""
KINDS = {"states": "", "the last ten entries": "?entries=10"}


def run(folder: Path) -> Iterator[Ratio]:
    with ExitStack() as stack:
        url = stack.enter_context(servers.postgres())
        if url is None:
            print("PostgreSQL is not installed; cached-reads is left out", file=sys.stderr)
            return
        near = stack.enter_context(servers.backstory(folder / "reads.db"))
        far = stack.enter_context(servers.backstory(url))
        for port in (near, far):
            fill(port)
        for what, query in KINDS.items():
            rounds = [uvloop.run(_round(near, far, query)) for _ in range(ROUNDS)]
            sqlite, postgres = sorted(rounds, key=lambda rates: rates[0] / rates[1])[ROUNDS // 2]
            detail = f"{sqlite:.0f}/s SQLite, {postgres:.0f}/s PostgreSQL, {READERS} readers"
            work = f"GETs/s of {what} SQLite / cached on PostgreSQL"
            yield Ratio(work, sqlite / postgres, 1 / 0.7, detail)


def fill(port: int) -> None:
    messages = text.messages(ENTRIES)
    with Client(port) as client:
        for n in range(CONTEXTS):
            path = f"/v1/contexts/bench/c{n}"
            state = {"summary": messages[0], "n": n}
            client.json("PUT", path, {"kind": "conversation", "state": state})
            entries = [{"role": "user", "content": message} for message in messages]
            client.json("POST", f"{path}/entries", {"entries": entries})


async def _round(near: int, far: int, query: str) -> tuple[float, float]:
    return await _rate(near, query), await _rate(far, query)


async def _rate(port: int, query: str) -> float:
    """Answers a second."""
    until = time.perf_counter() + SECONDS
    counts = await asyncio.gather(*(read(port, query, until, LONG_WAY) for _ in range(READERS)))
    return sum(counts) / SECONDS


async def read(port: int, query: str, until: float, more: str = "") -> int:
    """How many answers one reader had until then, by `time.perf_counter`.

    `more` are headers, each with its end.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < until:
        path = f"/v1/contexts/bench/c{random.randrange(CONTEXTS)}{query}"
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{more}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    return count
