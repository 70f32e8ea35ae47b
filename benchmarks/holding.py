"""How long bodies and answers of 5 MB keep the event loop from anything else, at a time.

The whole application runs in this process, on the server's event loop. A probe takes every turn
of the loop that it can get and tells the longest gap between two; what a thread does with the
interpreter's lock held shows in it like what the loop does itself. Each request is made some times,
and the median of the longest gaps counts; the longest of all is shown beside it.
"""

from __future__ import annotations

import asyncio
import gzip
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import brotli
import uvloop

from backstory import zstd
from backstory.cli.serving.turns import settle
from backstory.config import load
from backstory.wiring import open_app
from benchmarks import large_bodies
from benchmarks.large_bodies import Case
from benchmarks.report import Ratio

HELD_SECONDS = 0.010
TURNS = 5
CODINGS = {
    "gzip": lambda body: gzip.compress(body, 1),
    "br": lambda body: brotli.compress(body, quality=1),
    "zstd": zstd.compress,
}


def run(folder: Path) -> Iterator[Ratio]:
    return iter(uvloop.run(_run(folder / "held.db")))


async def _run(file: Path) -> list[Ratio]:
    settings = load({"store": f"sqlite:///{file}"}, environ={})
    async with open_app(settings) as running:
        settle()
        return [ratio async for ratio in _ratios(running.app)]


async def _ratios(app: Any) -> AsyncIterator[Ratio]:
    for case in large_bodies.cases():
        held = [await _held(app, case, turn) for turn in range(TURNS)]
        yield _ratio(case.name, held)


def _ratio(name: str, held: list[float]) -> Ratio:
    usual = statistics.median(held)
    detail = f"{min(held) * 1e3:.1f} to {max(held) * 1e3:.1f} ms in {TURNS} turns"
    return Ratio(f"event loop held by {name} / 10 ms", usual / HELD_SECONDS, 1.0, detail)


async def _held(app: Any, case: Case, turn: int) -> float:
    """The longest gap while the request is served once."""
    body, headers = case.body(turn), dict(case.headers)
    if case.coding:
        body = CODINGS[case.coding](body)
        headers["content-encoding"] = case.coding
    for method, path, prepared in case.before:
        status = await call(
            app, method, path.format(turn), prepared, {"content-type": large_bodies.JSON}
        )
        if status >= 300:
            raise RuntimeError(f"{case.name}: {method} {path} was answered {status}")
    watching = asyncio.create_task(_watch())
    await asyncio.sleep(0.02)
    status = await call(app, case.method, case.path.format(turn), body, headers)
    watching.cancel()
    held = await watching
    if status != case.status:
        raise RuntimeError(f"{case.name} was answered {status}, not {case.status}")
    return held


async def _watch() -> float:
    """The longest gap between two turns of the loop, until it is cancelled.

    Time in which this process did nothing does not count: then it was the machine.
    """
    longest, last, worked = 0.0, time.perf_counter(), time.process_time()
    try:
        while True:
            await asyncio.sleep(0)
            now, working = time.perf_counter(), time.process_time()
            longest = max(longest, min(now - last, working - worked))
            last, worked = now, working
    except asyncio.CancelledError:
        return longest


async def call(app: Any, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    """One request, its body in pieces as a server passes them on; gives the status."""
    pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)] or [b""]
    status = 0

    async def receive():
        await asyncio.sleep(0)
        if not pieces:
            await asyncio.Event().wait()
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message) -> None:
        nonlocal status
        status = message.get("status", status)
        await asyncio.sleep(0)

    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")]
        + [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    return status
