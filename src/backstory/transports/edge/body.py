"""Reading the body of a request, within bounds: as a whole, or piece by piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.types import Message, Receive, Scope

from backstory import limits
from backstory.errors import (
    MalformedError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedMediaError,
)
from backstory.resilience.stepping import LateError, timed
from backstory.transports.edge import headers


class ClientGoneError(Exception):
    """The client went away before its request was complete; there is nobody to answer.

    `edge.guard` ends such a request quietly. Nothing may have been done for it.
    """


async def read(
    scope: Scope, receive: Receive, most: int = limits.BODY_BYTES, limit: str = "BODY_BYTES"
) -> bytes:
    """The whole body; `limit` names the bound `most` in the error.

    Raises:
        TooLargeError: it has, or says that it has, more than `most` bytes. Never more than
            that is held.
        UnsupportedMediaError: it is coded (`Content-Encoding`).
        MalformedError: it ended before the length that it declared.
        RequestTimeoutError: it did not come within `limits.REQUEST_SECONDS`.
        ClientGoneError: the client went away.
    """
    _check_coding(scope)
    announced = declared(scope)
    if announced is not None and announced > most:
        raise _too_large(most, limit)
    try:
        body = await timed(_collect(receive, most, limit), limits.REQUEST_SECONDS)
    except LateError as error:
        raise RequestTimeoutError(
            f"the body did not come within {limits.REQUEST_SECONDS:g} seconds"
        ) from error
    _check_length(len(body), announced)
    return body


def bounded(body: bytes) -> bytes:
    """The body that came already.

    Raises:
        TooLargeError: as `read`.
    """
    if len(body) > limits.BODY_BYTES:
        raise _too_large(limits.BODY_BYTES, "BODY_BYTES")
    return body


async def stream(scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
    """The body piece by piece as it comes; how long it may be is for the caller to say.

    Raises:
        UnsupportedMediaError, MalformedError, ClientGoneError: as `read`.
        RequestTimeoutError: nothing came for `limits.CONTENT_IDLE_SECONDS`, or too little.
    """
    _check_coding(scope)
    announced = declared(scope)
    size, more = 0, True
    waited = 0.0
    while more:
        begun = time.monotonic()
        message = await _next(receive)
        waited += time.monotonic() - begun
        more = message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if more and _trickles(size, waited):
            raise RequestTimeoutError(
                f"an upload has to come with {limits.CONTENT_BYTES_PER_SECOND} bytes a second"
            )
        if piece:
            yield piece
    _check_length(size, announced)


def _trickles(size: int, waited: float) -> bool:
    """Whether so many bytes, which were waited for so long, come too slowly."""
    late = waited - limits.CONTENT_IDLE_SECONDS
    return late > 0 and size < late * limits.CONTENT_BYTES_PER_SECOND


async def _next(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(limits.CONTENT_IDLE_SECONDS):
            message = await receive()
    except TimeoutError as error:
        raise RequestTimeoutError(
            f"nothing of the body came for {limits.CONTENT_IDLE_SECONDS:g} seconds"
        ) from error
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message


def _check_length(size: int, announced: int | None) -> None:
    if announced is not None and size != announced:
        raise MalformedError(f"the body has {size} bytes, but {announced} were announced")


async def _collect(receive: Receive, most: int, limit: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise _too_large(most, limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_coding(scope: Scope) -> None:
    coding = headers.joined(scope, b"content-encoding")
    if coding is not None and coding.lower() not in ("", "identity"):
        raise UnsupportedMediaError("a coded body cannot be read; send it without Content-Encoding")


def declared(scope: Scope) -> int | None:
    """How many bytes the request says that its body has; None where it does not say.

    Raises:
        MalformedError: it says something else than a number.
    """
    text = headers.single(scope, b"content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise MalformedError("Content-Length must be a number of bytes")
    return int(text)


def _too_large(most: int, limit: str) -> TooLargeError:
    return TooLargeError(f"a body may have {most} bytes", limit=limit, bytes=most)
