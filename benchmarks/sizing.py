"""`python -m benchmarks.sizing [postgresql]`: what a node takes, quiet and busy.

One process, on a file or on a PostgreSQL and a Redis of its own. Memory is what the kernel says of
the process (`VmRSS`, and `VmHWM` for the most that it ever was), processor time what it has used,
which other work on the machine makes more, though far less so than waiting. Linux only. The numbers are those of
docs/explanation/sizing.md.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import servers, text
from benchmarks.capacity import TICK, _answer, _drive, _encoded, _seconds

QUIET_SECONDS = 30
WATCHERS = 2_000
CONTEXTS = 4_000
ENTRIES = 10
BYTES = 250
LARGE = 64 * 2**20
MODELS = ("gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro", "llama-3.1-70b")
_MESSAGES = list(text.messages(200, BYTES))


class Node:
    """A process under measurement."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self._pid = port, pid

    def memory(self, of: str = "VmRSS") -> float:
        """In MiB."""
        lines = Path(f"/proc/{self._pid}/status").read_text(encoding="utf-8").splitlines()
        (line,) = [line for line in lines if line.startswith(f"{of}:")]
        return int(line.split()[1]) / 1024

    def seconds(self) -> float:
        return _seconds(self._pid)

    def tell(self, what: str, more: str = "") -> None:
        load = os.getloadavg()[0]
        print(f"{what}: {self.memory():.0f} MiB{more}; load {load:.1f}", flush=True)


def main() -> int:
    with ExitStack() as stack:
        options: tuple[str, ...] = ()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store: Path | str = folder / "sizing.db"
        if sys.argv[1:] == ["postgresql"]:
            database = stack.enter_context(servers.postgres())
            redis = stack.enter_context(servers.redis())
            if database is None or redis is None:
                print("PostgreSQL or Redis is not installed", file=sys.stderr)
                return 1
            store, options = database, ("--cache", f"{redis}/0", "--bus", f"{redis}/1")
        port, pid = stack.enter_context(servers.process(store, *options))
        uvloop.run(_measure(Node(port, pid), store))
    return 0


async def _measure(node: Node, store: Path | str) -> None:
    await _quiet(node, "started")
    await _stored(node, store)
    for percent, name in ((20, "four reads and an append"), (0, "reads")):
        before = node.seconds()
        await _drive(node.port, lambda n, percent=percent: _mixed(n, percent))
        each = (node.seconds() - before) / 2_000 * 1e6
        node.tell(f"busy, {name}", f", {each:.0f} us of processor a request")
    for request in (_heavy, _heavy_read, _heavy_read):
        await _drive(node.port, request)
    node.tell("64 MB read, twice")
    before = node.memory()
    async with _watching(node.port):
        each = (node.memory() - before) * 1024 / WATCHERS
        await _quiet(node, f"{WATCHERS} event streams", f", {each:.1f} KiB each")
    for model in MODELS:
        await _ask(node, "POST", "/v1/render", _window(model))
        node.tell(f"rendered for {model}")
    await _uploaded(node)
    print(f"most: {node.memory('VmHWM'):.0f} MiB")


async def _quiet(node: Node, what: str, more: str = "") -> None:
    await asyncio.sleep(5)
    before = node.seconds()
    await asyncio.sleep(QUIET_SECONDS)
    used = (node.seconds() - before) / QUIET_SECONDS * 1000
    node.tell(
        what,
        f"{more}, {used:.1f} thousandths of a core (steps of {1000 / TICK / QUIET_SECONDS:.1f})",
    )


async def _stored(node: Node, store: Path | str) -> None:
    before = await _bytes(store)
    for n in range(CONTEXTS // 2_000):
        await _drive(node.port, lambda i, n=n: _put(i + n * 2_000))
        await _drive(node.port, lambda i, n=n: _begin(i + n * 2_000))
    await asyncio.sleep(15)  # until the words are written, too
    each = (await _bytes(store) - before) / CONTEXTS
    node.tell(f"{CONTEXTS} contexts written", f", {each:.0f} bytes on disk each")


async def _bytes(store: Path | str) -> int:
    if isinstance(store, Path):
        return sum(part.stat().st_size for part in store.parent.glob(f"{store.name}*"))
    import asyncpg

    database = await asyncpg.connect(store)
    try:
        await database.execute("CHECKPOINT")
        return int(await database.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await database.close()


def _path(n: int) -> str:
    return f"/v1/contexts/bench/c{n}"


def _put(n: int) -> tuple[str, str, Any]:
    return "PUT", _path(n), {"kind": "conversation", "state": {"summary": _MESSAGES[0], "n": n}}


def _begin(n: int) -> tuple[str, str, Any]:
    said = [_MESSAGES[(n + i) % 200] for i in range(ENTRIES)]
    entries = [{"role": ("user", "assistant")[i % 2], "content": one} for i, one in enumerate(said)]
    return "POST", f"{_path(n)}/entries", {"entries": entries}


def _mixed(n: int, percent: int) -> tuple[str, str, Any]:
    if n * 7 % 100 < percent:
        return (
            "POST",
            f"{_path(n % 500)}/entries",
            {"entries": [{"role": "user", "content": _MESSAGES[n % 200]}]},
        )
    return "GET", f"{_path(n * 13 % 500)}?entries=10", None


def _heavy(n: int) -> tuple[str, str, Any]:
    return (
        "PUT",
        f"{_path(n)}-heavy",
        {"kind": "session", "state": {"said": _MESSAGES[:128], "n": n}},
    )


def _heavy_read(n: int) -> tuple[str, str, Any]:
    return "GET", f"{_path(n)}-heavy", None


def _window(model: str) -> dict[str, Any]:
    return {
        "sources": [{"context": "bench/c1", "entries": "recent"}],
        "model": model,
        "budget": 4000,
        "fallback": True,
    }


@asynccontextmanager
async def _watching(port: int) -> AsyncIterator[None]:
    """Event streams that are quiet, each on a connection of its own."""
    writers = []
    for _ in range(WATCHERS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ["GET /v1/changes?after=now HTTP/1.1", f"host: 127.0.0.1:{port}"]
        lines += ["accept: text/event-stream", "", ""]
        writer.write("\r\n".join(lines).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        writers.append(writer)
    yield
    for writer in writers:
        writer.close()


async def _ask(node: Node, method: str, path: str, value: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(_encoded(node.port, method, path, value))
    await _answer(reader)
    writer.close()


async def _uploaded(node: Node) -> None:
    await _ask(node, "PUT", "/v1/contexts/bench/large", {"kind": "document"})
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    lines = ["PUT /v1/contexts/bench/large/content HTTP/1.1", f"host: 127.0.0.1:{node.port}"]
    lines += ["content-type: application/octet-stream", f"content-length: {LARGE}", "", ""]
    writer.write("\r\n".join(lines).encode())
    for _ in range(LARGE // 2**20):
        writer.write(os.urandom(2**20))
        await writer.drain()
    await _answer(reader)
    writer.close()
    node.tell(f"{LARGE // 2**20} MiB of content uploaded")


if __name__ == "__main__":
    sys.exit(main())
