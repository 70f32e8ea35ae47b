"""10,000 watchers of one node that hear nothing for long: memory, idle processor time, and a change.

Each is a stream of events on a connection of its own. Time runs from before a write is sent until
the last of them has read the line of its change.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import uvloop

from benchmarks import processor, servers
from benchmarks.capacity import _answer, _encoded
from benchmarks.report import Measured

COUNT, AT_ONCE = 10_000, 200
QUIET_SECONDS, SETTLE_SECONDS = 20, 3
CHANGES = 5
HEARD_SECONDS = 60
PATH = "/v1/contexts/bench/watched"


def run(folder: Path) -> Iterator[Measured]:
    _more_files(COUNT + 500)
    with servers.process(folder / "watchers.db", "--log-level", "error") as (port, pid):
        return iter([Measured(f"{COUNT:,} watchers of one node", "", uvloop.run(_told(port, pid)))])


def _more_files(needed: int) -> None:
    """For this process and the server that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))


async def _told(port: int, pid: int) -> dict[str, float]:
    await _write(port, 0)
    before = servers.resident(pid, "RssAnon")
    begun = time.perf_counter()
    streams: list[_Stream] = []
    for start in range(0, COUNT, AT_ONCE):
        some = range(start, min(start + AT_ONCE, COUNT))
        streams += await asyncio.gather(*(_Stream.opened(port) for _ in some))
    opened = time.perf_counter() - begun
    await asyncio.sleep(SETTLE_SECONDS)
    each = (servers.resident(pid, "RssAnon") - before) / COUNT / 1024
    used = processor.seconds(pid)
    await asyncio.sleep(QUIET_SECONDS)
    used = (processor.seconds(pid) - used) / QUIET_SECONDS
    taken = [await _change(port, streams, number) for number in range(1, CHANGES + 1)]
    for stream in streams:
        stream.close()
    return {
        "KiB each": each,
        "seconds to connect all": opened,
        "thousandths of a core, idle": 1e3 * used,
        "ms until all have heard of a change": 1e3 * median(taken),
    }


async def _change(port: int, streams: list[_Stream], number: int) -> float:
    heard = [stream.next() for stream in streams]
    begun = time.perf_counter()
    await _write(port, number)
    async with asyncio.timeout(HEARD_SECONDS):
        await asyncio.gather(*heard)
    return time.perf_counter() - begun


async def _write(port: int, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_encoded(port, "PUT", PATH, {"kind": "session", "state": {"n": number}}))
    await _answer(reader)
    writer.close()


class _Stream(asyncio.Protocol):
    """A connection that notes when a change was told."""

    def __init__(self) -> None:
        self.head: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard: asyncio.Future[None] | None = None
        self._data = b""
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def opened(cls, port: int) -> _Stream:
        loop = asyncio.get_running_loop()
        transport, stream = await loop.create_connection(cls, "127.0.0.1", port)
        lines = ["GET /v1/changes?after=now HTTP/1.1", f"host: 127.0.0.1:{port}"]
        lines += ["accept: text/event-stream", "", ""]
        stream.writes_to(transport)
        transport.write("\r\n".join(lines).encode())
        async with asyncio.timeout(HEARD_SECONDS):
            await stream.head
        return stream

    def writes_to(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def next(self) -> asyncio.Future[None]:
        """Done with the next change that is told."""
        self._heard = asyncio.get_running_loop().create_future()
        return self._heard

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.head.done() and b"\r\n\r\n" in self._data:
            if not self._data.startswith(b"HTTP/1.1 200"):
                self.head.set_exception(RuntimeError(self._data[:200].decode()))
                return
            self.head.set_result(None)
        if b"data: " in self._data and self._heard is not None and not self._heard.done():
            self._heard.set_result(None)
        if self.head.done():
            self._data = b"" if data.endswith(b"\n") else self._data[-20:]

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()
