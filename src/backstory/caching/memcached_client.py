"""The few commands of Memcached's text protocol that a cache needs (its `doc/protocol.txt`).

Each connection carries one command at a time. Whatever happens in the middle of one, be it that
its caller was cancelled, ends the connection, so that no answer is taken for that of another.
Why this is no library: docs/decisions/0031-caches.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import LimitOverrunError, StreamReader, StreamWriter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from backstory import limits

_READ_BYTES: Final = 1 * limits.MIB  # buffered by one connection; lines are far shorter
_VALUE_BYTES: Final = limits.MEMCACHED_BODY_BYTES + 64 * limits.KIB  # of any value that is ours


class ProtocolError(Exception):
    """The server says that it cannot, or something that is not of the protocol."""


class Found(NamedTuple):
    """A value, and the number that `replace` asks for."""

    number: int
    value: bytes


class Client:
    """Memcached at one address. Connections are made when needed and kept when idle.

    Every method may also raise `OSError`. None is bounded in time, all may be cancelled; the
    caller bounds how many are under way, and with it how many connections there are.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[tuple[StreamReader, StreamWriter]] = []
        self._closed = False

    async def gets(self, name: str) -> Found | None:
        """What is kept. A value that is too long to be ours is told as an empty one.

        Raises:
            ProtocolError: the answer is none of `gets`.
        """
        async with self._connection() as (reader, writer):
            writer.write(b"gets %b\r\n" % name.encode())
            words = (await _line(reader)).split()
            if words == [b"END"]:
                return None
            if len(words) != 5 or words[:2] != [b"VALUE", name.encode()]:
                raise ProtocolError(_said(words))
            size, number = int(words[3]), int(words[4])
            if size > _VALUE_BYTES:
                writer.transport.abort()
                return Found(number, b"")
            value = await reader.readexactly(size + 2)
            if value[size:] != b"\r\n" or await _line(reader) != b"END":
                raise ProtocolError("a value that is longer than it was said to be")
            return Found(number, value[:size])

    async def replace(self, name: str, value: bytes, number: int | None, seconds: int) -> bool:
        """Keep a value if the present one has this number, or there is none where it is None.

        Raises:
            ProtocolError: the server cannot keep anything now.
        """
        verb, unique = (b"add", b"") if number is None else (b"cas", b" %d" % number)
        async with self._connection() as (reader, writer):
            await _send(writer, _storage(verb, name, value, seconds, unique))
            line = await _line(reader)
            if line not in {b"STORED", b"NOT_STORED", b"EXISTS", b"NOT_FOUND"}:
                if line.startswith(b"SERVER_ERROR object too large"):
                    return False
                raise ProtocolError(_said([line]))
            return line == b"STORED"

    async def put_instead(self, names: Sequence[str], value: bytes, seconds: int) -> None:
        """Delete what is kept under these names, then keep the value there if there is room.

        Raises:
            ProtocolError: something may not have been deleted.
        """
        async with self._connection() as (reader, writer):
            for name in names:
                writer.write(b"delete %b\r\n" % name.encode())
                writer.write(_storage(b"set", name, value, seconds))
            await writer.drain()
            for _ in names:
                line = await _line(reader)
                if line not in {b"DELETED", b"NOT_FOUND"}:
                    raise ProtocolError(_said([line]))
                line = await _line(reader)
                if line != b"STORED" and not line.startswith(b"SERVER_ERROR out of memory"):
                    raise ProtocolError(_said([line]))

    async def aclose(self) -> None:
        """Close what is idle now, and the rest when it becomes so. May be called twice."""
        self._closed = True
        idle, self._idle = self._idle, []
        for _, writer in idle:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        reader, writer = self._reused() or await asyncio.open_connection(
            self._host, self._port, limit=_READ_BYTES
        )
        done = False
        try:
            yield reader, writer
            done = not self._closed
        except EOFError as error:
            raise ProtocolError("it has closed the connection") from error
        except (LimitOverrunError, ValueError) as error:
            raise ProtocolError("it says what is not of the protocol") from error
        finally:
            if done and not writer.is_closing():
                self._idle.append((reader, writer))
            else:
                writer.transport.abort()

    def _reused(self) -> tuple[StreamReader, StreamWriter] | None:
        """The connection used last, so that others can be seen to have ended."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.transport.abort()
        return None


def _storage(verb: bytes, name: str, value: bytes, seconds: int, unique: bytes = b"") -> bytes:
    head = b"%b %b 0 %d %d%b\r\n" % (verb, name.encode(), seconds, len(value), unique)
    return b"".join((head, value, b"\r\n"))


async def _send(writer: StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _line(reader: StreamReader) -> bytes:
    line = await reader.readuntil(b"\r\n")
    return line[:-2]


def _said(words: Sequence[bytes]) -> str:
    """The server's own words, at no great length."""
    return "it says " + b" ".join(words)[:200].decode(errors="replace")
