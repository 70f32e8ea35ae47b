"""The answer to one POST: JSON, unless something has to be told before it is there.

Progress and questions begin a stream of server-sent events, at whose end the answer stands.
The SDK answers as JSON; what is told before is ours, so that it works for requests that have
no connection of their own, and in both eras.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import orjson
from starlette.types import Message, Receive, Send

STREAM: Final = "backstory.mcp_call_stream"
EVENTS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
HEARTBEAT: Final = b": still here\n\n"


def event(message: Mapping[str, Any] | bytes) -> bytes:
    """A JSON-RPC message as one server-sent event."""
    raw = message if isinstance(message, bytes) else orjson.dumps(message)
    return b"event: message\ndata: " + raw + b"\n\n"


async def watched(
    answering: Coroutine[Any, Any, None], receive: Receive, gone: asyncio.Event, *, cancels: bool
) -> None:
    """Answer, and know when the client leaves; with 2026-07-28 that `cancels` the request."""
    work = asyncio.create_task(answering, name="a call of an extension")
    watch = asyncio.create_task(_until_gone(receive, gone))
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        if cancels and not work.done():
            work.cancel()
        await asyncio.wait({work})
        if not work.cancelled():
            work.result()
    finally:
        for task in (work, watch):
            task.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)


async def _until_gone(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


class CallStream:
    """What the SDK sends its answer to; `listens` says whether the client takes events."""

    def __init__(self, send: Send, *, listens: bool) -> None:
        self._send = send
        self._begun = False
        self._ended = False
        self._answer = b""
        self.listens = listens
        self.gone = asyncio.Event()
        """Set when the client has left."""

    async def __call__(self, message: Message) -> None:
        """The answer as the SDK gives it; the last event, where there were others."""
        if not self._begun:
            self._ended = True
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._answer += message.get("body", b"")
            if not message.get("more_body", False):
                self._ended = True
                await self._body(event(self._answer), more=False)

    async def tell(self, message: Mapping[str, Any]) -> None:
        """Send a notification or a request before the answer; nothing, once that is there."""
        if self._ended:
            return
        await self._begin()
        await self._body(event({"jsonrpc": "2.0", **message}))

    async def beat(self) -> None:
        """Keep the connection open through whatever stands between."""
        if self._begun:
            await self._body(HEARTBEAT)

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": EVENTS})

    async def _body(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
