"""`python -m benchmarks.capacity`: what one request costs a node, PostgreSQL and the disk.

These are the inputs of `benchmarks.load_model`. Processor time is counted, not waited for, so
that whatever else the machine does changes it little: the node's is read from `/metrics`, that
of PostgreSQL from `/proc`. Linux only.
"""

from __future__ import annotations

import asyncio
import os
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvloop

from benchmarks import servers, text

CALLERS = 32
REQUESTS = 2_000  # of each sort, one to each context
ENTRIES = 4  # that a context has before
SIZE = 250
WAIT, LOOKS = 1.5, 40  # seconds between looks whether all is written down, and how many
TICK = os.sysconf("SC_CLK_TCK")
Request = tuple[str, str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What was used up to now: seconds, bytes, statements and connections."""

    node: float
    resident: float
    database: float
    wal: int
    disk: int
    transactions: int
    connections: int


def main() -> int:
    """Measure and print; 1 where there is no PostgreSQL."""
    with servers.postgres() as url:
        if url is None:
            print("PostgreSQL is not installed", file=sys.stderr)
            return 1
        with servers.backstory(url) as port:
            uvloop.run(_measure(url, port))
    return 0


async def _measure(url: str, port: int) -> None:
    database = await asyncpg.connect(url)
    try:
        print(f"idle: {(await _look(database, port)).resident / 2**20:.0f} MiB resident")
        await _drive(port, _put)
        await _drive(port, _begin)
        await _settle(database)
        for what, request in _SORTS.items():
            before = await _look(database, port)
            await _drive(port, request)
            await _settle(database)
            _tell(what, before, await _look(database, port))
    finally:
        await database.close()


def _tell(what: str, before: Look, after: Look) -> None:
    def each(used: float) -> float:
        return used / REQUESTS

    print(
        f"{what}: node {each(after.node - before.node) * 1e6:.0f} us,"
        f" database {each(after.database - before.database) * 1e6:.0f} us,"
        f" {each(after.transactions - before.transactions):.3f} transactions,"
        f" {each(after.wal - before.wal):.0f} bytes of log,"
        f" {each(after.disk - before.disk):.0f} bytes on disk;"
        f" {after.resident / 2**20:.0f} MiB resident, {after.connections} connections;"
        f" load {os.getloadavg()[0]:.1f}"
    )


async def _settle(database: Any) -> None:
    """Wait until the words of what was written are written, too."""
    behind = "SELECT (SELECT count(*) FROM entries) > (SELECT count(*) FROM entry_words)"
    for _ in range(LOOKS):
        await asyncio.sleep(WAIT)
        if not await database.fetchval(behind):
            return
    raise RuntimeError("words are not written")


async def _look(database: Any, port: int) -> Look:
    node = await asyncio.to_thread(_metrics, port)
    row = await database.fetchrow(
        "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal,"
        " pg_database_size(current_database()) AS disk,"
        " (SELECT xact_commit + xact_rollback FROM pg_stat_database"
        " WHERE datname = current_database()) AS transactions"
    )
    others = await database.fetch(
        "SELECT pid, datname FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    )
    return Look(
        node["process_cpu_seconds_total"],
        node["process_resident_memory_bytes"],
        sum(_seconds(row["pid"]) for row in others),
        int(row["wal"]),
        row["disk"],
        row["transactions"],
        sum(row["datname"] is not None for row in others),
    )


def _metrics(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.split(" ") for line in lines if line.startswith("process_"))
    return {name: float(value) for name, value in pairs}


def _seconds(process: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _put(n: int) -> Request:
    state = {"summary": _MESSAGES[0], "n": n}
    return "PUT", _path(n), {"kind": "conversation", "state": state}


def _begin(n: int) -> Request:
    messages = _MESSAGES[n % 100 :][:ENTRIES]
    entries = [{"role": "user", "content": message} for message in messages]
    return "POST", f"{_path(n)}/entries", {"entries": entries}


def _append(n: int) -> Request:
    entry = {"role": "user", "content": _MESSAGES[n % 100]}
    return "POST", f"{_path(n)}/entries", {"entries": [entry]}


def _entries(n: int) -> Request:
    return "GET", f"{_path(n)}?entries=10", None


def _path(n: int) -> str:
    return f"/v1/contexts/bench/c{n}"


_MESSAGES = list(text.messages(200, SIZE))
_SORTS: dict[str, Callable[[int], Request]] = {
    "append": _append,
    "read that misses": _entries,  # what was just written to is in no cache
    "read that hits": _entries,
}


async def _drive(port: int, request: Callable[[int], Request]) -> None:
    """All requests of a sort, by all callers at once; each waits for its answer."""
    numbers = iter(range(REQUESTS))

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for n in numbers:
            writer.write(_encoded(port, *request(n)))
            await _answer(reader)
        writer.close()

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


def _encoded(port: int, method: str, path: str, value: Any) -> bytes:
    body = b"" if value is None else orjson.dumps(value)
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}"]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 2"):
        raise RuntimeError(head.decode())
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


if __name__ == "__main__":
    sys.exit(main())
