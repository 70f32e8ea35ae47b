"""Sixteen writers on one conversation, against one writer: sharing must pay, not cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers, text
from benchmarks.client import Client
from benchmarks.report import Ratio

WRITERS = 16
APPENDS = 200


def run(folder: Path) -> Iterator[Ratio]:
    with servers.backstory(folder / "hot.db") as port:
        one = _rate(port, 1)
        many = _rate(port, WRITERS)
    detail = f"{one:.0f}/s by one, {many:.0f}/s by {WRITERS}, none lost"
    yield Ratio(
        f"appends/s by one writer / by {WRITERS} on one conversation", one / many, 1.0, detail
    )


def _rate(port: int, writers: int) -> float:
    path = f"/v1/contexts/bench/hot-{writers}"
    with Client(port) as client:
        client.json("PUT", path, {"kind": "conversation"})
        threads = [threading.Thread(target=_write, args=(port, path)) for _ in range(writers)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - start
        count = client.json("GET", path)["entry_count"]
    if count != writers * APPENDS:
        raise RuntimeError(f"{writers * APPENDS - count} appends were lost")
    return count / seconds


def _write(port: int, path: str) -> None:
    body = {"entries": [{"role": "user", "content": text.messages(1)[0]}]}
    with Client(port) as client:
        for _ in range(APPENDS):
            client.json("POST", f"{path}/entries", body)
