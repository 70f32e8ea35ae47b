"""Answers that go out in pieces, so that a long one is never held as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from backstory.transports.edge.answer import RawHeaders


class Streamed:
    """An answer of a known length.

    When the pieces fail half way, the error goes up and the server cuts the connection: what
    is damaged is never passed on, and half an answer never looks whole.
    """

    def __init__(
        self, status: int, headers: RawHeaders, length: int, pieces: AsyncIterator[bytes]
    ) -> None:
        self.status = status
        self.headers = [*headers, (b"content-length", b"%d" % length)]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, the first of which is at hand: what fails at once fails here."""
    try:
        first = await anext(pieces)
    except StopAsyncIteration:
        return _behind(b"", pieces)
    return _behind(first, pieces)


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece
