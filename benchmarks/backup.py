"""What a backup of a large store costs those who write to it meanwhile, and whether it is of one moment.

A store of 2 GB (`BENCH_MEGABYTES` names another size), a server on it, and 500 writes a second on eight
connections, each sent when it is due or as soon as the one before is answered. `backstory backup` runs beside, and
what writes took meanwhile is divided by what they took before and after; so are the writes that were answered a
second, which are fewer than 500 where the machine cannot take more.
The backup is then restored: of each conversation it has all that was acknowledged before it began, nothing
that was sent after it ended, and no gap.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median, quantiles

import uvloop

from backstory import clock, ids, limits
from backstory.domain.commits import Append, Commit, Put
from backstory.domain.entries import MESSAGE, NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN
from backstory.storage.sqlite import SqliteOptions, SqliteStore, open_store
from benchmarks import servers, text
from benchmarks.report import Ratio

RATE = 500
CONVERSATIONS = 8
SECONDS = 20.0
FILLED_AT_ONCE = 1000
MOST_SLOWER = 1.2


@dataclass
class Load:
    """Appends that come at a steady rate, each conversation on a connection of its own."""

    port: int
    taken: list[float] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=lambda: [0] * CONVERSATIONS)
    sent: list[int] = field(default_factory=lambda: [0] * CONVERSATIONS)
    ended: bool = False

    async def run(self) -> None:
        begun = time.perf_counter()
        writers = (self._write(number, begun) for number in range(CONVERSATIONS))
        await asyncio.gather(*writers)

    async def _write(self, number: int, begun: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        path = f"/v1/contexts/bench/load-{number}"
        await _ask(reader, writer, "PUT", path, {"kind": "conversation"})
        messages = text.messages(100)
        turn = 0
        while not self.ended:
            due = begun + (turn * CONVERSATIONS + number) / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            body = {"entries": [{"role": "user", "content": messages[turn % 100]}]}
            self.sent[number] += 1
            sent = time.perf_counter()
            await _ask(reader, writer, "POST", f"{path}/entries", body)
            self.acknowledged[number] += 1
            self.taken.append(time.perf_counter() - sent)
            turn += 1
        writer.close()

    def cut(self) -> list[float]:
        """What writes took since the last cut."""
        taken, self.taken = self.taken, []
        return taken


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    method: str,
    path: str,
    body: object,
) -> None:
    sent = json.dumps(body).encode()
    writer.write(
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(sent)}\r\n\r\n".encode()
        + sent
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
    answer = await reader.readexactly(int(length))
    if head.split(b" ", 2)[1] not in {b"200", b"201"}:
        raise RuntimeError(f"a write was refused: {answer!r}")


def run(folder: Path) -> Iterator[Ratio]:
    megabytes = int(os.environ.get("BENCH_MEGABYTES", "2048"))
    store = folder / "large.db"
    asyncio.run(_fill(store, megabytes * limits.MIB))
    size = store.stat().st_size
    with servers.backstory(store) as port:
        quiet, during, seconds, held = uvloop.run(_measure(port, store, folder / "large.bak"))
    held.check(folder)
    rates = len(quiet) / (2 * SECONDS), len(during) / seconds
    detail = (
        f"{size / limits.MIB:,.0f} MB in {seconds:.0f} s; "
        f"median {_ms(median(during))} after {_ms(median(quiet))}, "
        f"p99 {_ms(_p99(during))} after {_ms(_p99(quiet))}, mean {_ms(mean(during))} after {_ms(mean(quiet))}"
    )
    named = f"a write at {RATE} a second, during a backup / without"
    yield Ratio(f"{named}, median", median(during) / median(quiet), MOST_SLOWER, detail)
    yield Ratio(f"{named}, mean", mean(during) / mean(quiet), None, "")
    yield Ratio(f"{named}, p99", _p99(during) / _p99(quiet), None, "")
    answered = f"{rates[0]:.0f} and {rates[1]:.0f}"
    yield Ratio(
        "writes answered a second, without / during", rates[0] / rates[1], MOST_SLOWER, answered
    )
    wal = f"{held.log_bytes / limits.MIB:,.0f} MB of write-ahead log at most"
    yield Ratio("write-ahead log at its largest / store", held.log_bytes / size, None, wal)


@dataclass
class _Held:
    """What a backup has to hold at least, and at most."""

    backup: Path
    least: list[int]
    most: list[int]
    log_bytes: int

    def check(self, folder: Path) -> None:
        """
        Raises:
            RuntimeError: it is not of one moment.
        """
        again = folder / "again.db"
        url = f"sqlite:///{again}"
        _backstory("restore", str(self.backup), "--store", url)
        _backstory("scrub", "--store", url)
        found = asyncio.run(_counts(again))
        for least, count, most in zip(self.least, found, self.most, strict=True):
            if not least <= count <= most:
                raise RuntimeError(f"the backup has {count} entries, not {least} to {most}")


async def _measure(
    port: int, store: Path, backup: Path
) -> tuple[list[float], list[float], float, _Held]:
    load = Load(port)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(SECONDS / 4)
    load.cut()
    await asyncio.sleep(SECONDS)
    quiet = load.cut()
    least, begun = list(load.acknowledged), time.perf_counter()
    log_bytes = await _back_up(store, backup)
    seconds, most = time.perf_counter() - begun, list(load.sent)
    during = load.cut()
    await asyncio.sleep(SECONDS / 4)
    load.cut()
    await asyncio.sleep(SECONDS)
    quiet += load.cut()
    load.ended = True
    await running
    return quiet, during, seconds, _Held(backup, least, most, log_bytes)


async def _back_up(store: Path, backup: Path) -> int:
    """Back it up; the largest that the write-ahead log has been meanwhile."""
    command = [sys.executable, "-m", "backstory", "backup", str(backup)]
    process = await asyncio.create_subprocess_exec(*command, "--store", f"sqlite:///{store}")
    log, largest = store.with_name(f"{store.name}-wal"), 0
    ended = asyncio.create_task(process.wait())
    while not ended.done():
        largest = max(largest, log.stat().st_size)
        await asyncio.wait({ended}, timeout=0.1)
    if process.returncode:
        raise RuntimeError("there is no backup")
    return largest


def _backstory(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "backstory", *arguments], check=True, stdout=subprocess.DEVNULL
    )


async def _fill(path: Path, size: int) -> None:
    store = await open_store(SqliteOptions(path))
    try:
        number = 0
        while _size(path) < size:
            await _converse(store, number)
            number += 1
    finally:
        await store.aclose()


async def _converse(store: SqliteStore, number: int) -> None:
    key = ContextKey("bench", f"filled-{number}")
    body = json.dumps(text.messages(1)[0] * 4).encode()
    entries = tuple(
        NewEntry("user", MESSAGE, body[:-8] + f'{number * FILLED_AT_ONCE + n:07}"'.encode())
        for n in range(FILLED_AT_ONCE)
    )
    for operation in (Put(key, "conversation", b"{}", (), None), Append(key, entries)):
        now = clock.SystemClock().now()
        commit = Commit("default", ids.commit_id(), LOCAL_ADMIN.author, now, (operation,))
        await store.commit(commit)


def _size(path: Path) -> int:
    return path.stat().st_size


async def _counts(path: Path) -> list[int]:
    store = await open_store(path)
    try:
        found = []
        for number in range(CONVERSATIONS):
            snapshot = await store.snapshot("default", ContextKey("bench", f"load-{number}"))
            head = None if snapshot is None else snapshot.head
            assert head is None or head.entry_count == head.last_seq
            found.append(0 if head is None else head.entry_count)
        return found
    finally:
        await store.aclose()


def _p99(taken: list[float]) -> float:
    return quantiles(taken, n=100)[98]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"
