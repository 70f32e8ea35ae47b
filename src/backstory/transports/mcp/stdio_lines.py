"""Lines of stdin, read as strictly as everything that comes over HTTP.

A thread reads them, which nothing waits for: a server that is told to stop does, even while
its client sends nothing. What is no JSON-RPC message is answered here, since the SDK drops
it. The end is passed on when what was asked before it is answered, since the SDK drops that
too.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from mcp.shared._context_streams import ContextSendStream
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from mcp_types.jsonrpc import jsonrpc_message_adapter
from pydantic import ValidationError

from backstory import limits
from backstory.errors import MalformedError
from backstory.transports.edge import strict_json
from backstory.transports.mcp.stdio_asked import Asked

_CHUNK: Final = 64 * limits.KIB
_AHEAD: Final = 64  # lines read before the first of them is served


class Lines:
    """What the SDK iterates over as its stdin."""

    def __init__(self, fd: int, asked: Asked, at_end: Callable[[], None]) -> None:
        self._fd = fd
        self._asked = asked
        self._at_end = at_end
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._answers: ContextSendStream[SessionMessage] | None = None
        self._attached = asyncio.Event()
        self._ended = False
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def answer_on(self, answers: ContextSendStream[SessionMessage]) -> None:
        """Say where errors go; until then no line is given out."""
        self._answers = answers
        self._attached.set()

    async def aclose(self) -> None:
        """Give out no more lines."""
        self._ended = True
        self._room.release()
        if self._answers is not None:
            await self._answers.aclose()

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> str:
        await self._attached.wait()
        while (line := await self._queue.get()) is not None:
            self._room.release()
            if line.isspace():
                continue
            message = await _read(line)
            if not isinstance(message, JSONRPCError):
                self._asked.note(message)
                return line.decode()
            await self._refuse(message)
        self._at_end()
        await self._asked.wait()
        raise StopAsyncIteration

    async def _refuse(self, failure: JSONRPCError) -> None:
        if self._answers is not None:
            await self._answers.send(SessionMessage(failure))

    def _read(self) -> None:
        pieces = _Splitter()
        while not self._ended:
            try:
                chunk = os.read(self._fd, _CHUNK)
            except OSError:
                chunk = b""
            for line in pieces.split(chunk):
                self._room.acquire()
                if not self._hand_over(line):
                    return
            if not chunk:
                self._hand_over(None)
                return

    def _hand_over(self, line: bytes | None) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, line)
        except RuntimeError:  # the loop is closed; nobody listens any more
            return False
        return True


class _Splitter:
    """Makes lines of chunks, and holds no more than a body may have."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def split(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that the chunk completes; an empty chunk is the end."""
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            self._add(line)
            yield self._take()
        self._add(rest)
        if not chunk and self._rest:
            yield self._take()

    def _add(self, piece: bytes) -> None:
        # One byte over the bound is kept, so that the line is known to be too long.
        self._rest += piece[: limits.BODY_BYTES + 1 - len(self._rest)]

    def _take(self) -> bytes:
        line = bytes(self._rest) or b" "
        self._rest.clear()
        return line


async def _read(line: bytes) -> Any:
    """The message in a line, or the answer to what is none."""
    if len(line) > limits.BODY_BYTES:
        return _error(PARSE_ERROR, f"a message may have {limits.BODY_BYTES} bytes")
    try:
        message = await strict_json.loads_aside(line)
    except MalformedError as error:
        return _error(PARSE_ERROR, error.detail)
    try:
        jsonrpc_message_adapter.validate_python(message, by_name=False)
    except ValidationError:
        return _error(INVALID_REQUEST, "not one JSON-RPC 2.0 message", _id_of(message))
    return message


def _id_of(message: Any) -> int | str | None:
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None


def _error(code: int, detail: str, request_id: int | str | None = None) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=detail))
