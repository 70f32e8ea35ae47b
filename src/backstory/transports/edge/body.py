"""Reading the body of a request, within bounds and only as a whole."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope

from backstory import limits
from backstory.errors import (
    MalformedError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedMediaError,
)
from backstory.transports.edge import headers


class ClientGoneError(Exception):
    """The client went away before its request was complete; there is nobody to answer.

    `edge.guard` ends such a request quietly. Nothing may have been done for it.
    """


async def read(scope: Scope, receive: Receive, most: int = limits.BODY_BYTES) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: it has, or says that it has, more than `most` bytes. Never more than
            that is held.
        UnsupportedMediaError: it is coded (`Content-Encoding`).
        MalformedError: it ended before the length that it declared.
        RequestTimeoutError: it did not come within `limits.REQUEST_SECONDS`.
        ClientGoneError: the client went away.
    """
    _check_coding(scope)
    declared = _declared(scope)
    if declared is not None and declared > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(limits.REQUEST_SECONDS):
            body = await _collect(receive, most)
    except TimeoutError as error:
        raise RequestTimeoutError(
            f"the body did not come within {limits.REQUEST_SECONDS:g} seconds"
        ) from error
    if declared is not None and len(body) != declared:
        raise MalformedError(f"the body has {len(body)} bytes, but {declared} were announced")
    return body


async def _collect(receive: Receive, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_coding(scope: Scope) -> None:
    coding = headers.joined(scope, b"content-encoding")
    if coding is not None and coding.lower() not in ("", "identity"):
        raise UnsupportedMediaError("a coded body cannot be read; send it without Content-Encoding")


def _declared(scope: Scope) -> int | None:
    text = headers.single(scope, b"content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise MalformedError("Content-Length must be a number of bytes")
    return int(text)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"a body may have {most} bytes", limit="BODY_BYTES", bytes=most)
