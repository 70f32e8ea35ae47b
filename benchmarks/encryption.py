"""What encryption costs: appends and reads over HTTP with it and without, in turns.

Two servers with stores of their own, words indexed as by default. Each caller waits for its answer
before it asks again; the round in the middle counts.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import uvloop

from backstory.encryption.masters import make_file
from benchmarks import servers, text
from benchmarks.client import Client
from benchmarks.report import Ratio

MOST = 4 / 3  # a quarter of the rate
CALLERS = 16
CONTEXTS = 64
ENTRIES = 20
SECONDS = 0.5
ROUNDS = 21
MESSAGES = [
    orjson.dumps({"entries": [{"role": "user", "content": message}]})
    for message in text.messages(100)
]


def run(folder: Path) -> Iterator[Ratio]:
    key = folder / "master.key"
    make_file(key)
    with ExitStack() as stack:
        urls = [stack.enter_context(servers.postgres()) for _ in range(2)]
        pairs = {"SQLite": (folder / "plain.db", folder / "sealed.db"), "PostgreSQL": tuple(urls)}
        for store, (plain, sealed) in pairs.items():
            if plain is None or sealed is None:
                print(f"{store} is not installed; it is left out", file=sys.stderr)
                continue
            with (
                servers.backstory(plain) as one,
                servers.backstory(sealed, BACKSTORY_MASTER_KEY=f"file:{key}") as other,
            ):
                yield from _compared(store, one, other)


def _compared(store: str, plain: int, sealed: int) -> Iterator[Ratio]:
    for port in (plain, sealed):
        _fill(port)
    for what, request in (("appends", _append), ("reads", _read)):
        rounds = []
        for turn in range(ROUNDS + 1):  # the first one warms up
            taken = [uvloop.run(_rate(port, request)) for port in (plain, sealed)]
            rounds += [taken] if turn else []
        one, other = sorted(rounds, key=lambda rates: rates[0] / rates[1])[ROUNDS // 2]
        detail = f"{one:.0f}/s without, {other:.0f}/s with, {CALLERS} callers"
        yield Ratio(f"{store} {what} without / with encryption", one / other, MOST, detail)


def _fill(port: int) -> None:
    messages = text.messages(ENTRIES)
    with Client(port) as client:
        for n in range(CONTEXTS):
            path = f"/v1/contexts/{_name(n)}"
            state = {"summary": messages[0], "n": n}
            client.json("PUT", path, {"kind": "conversation", "state": state})
            entries = [{"role": "user", "content": message} for message in messages]
            client.json("POST", f"{path}/entries", {"entries": entries})


def _name(n: int) -> str:
    return f"users.{n % 8}/chat{n}"


def _append() -> tuple[str, bytes]:
    return f"POST /v1/contexts/{_name(random.randrange(CONTEXTS))}/entries", random.choice(MESSAGES)


def _read() -> tuple[str, bytes]:
    return f"GET /v1/contexts/{_name(random.randrange(CONTEXTS))}?entries={ENTRIES}", b""


async def _rate(port: int, request: object) -> float:
    """Answers a second."""
    until = time.perf_counter() + SECONDS
    counts = await asyncio.gather(*(_ask(port, request, until) for _ in range(CALLERS)))
    return sum(counts) / SECONDS


async def _ask(port: int, request: object, until: float) -> int:
    """How many answers one caller had in time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    assert callable(request)
    while time.perf_counter() < until:
        line, body = request()
        head = f"{line} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        writer.write(f"{head}\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(answer.decode())
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    return count
