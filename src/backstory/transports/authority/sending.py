"""Sending whole answers."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Send

Headers = Iterable[tuple[bytes, bytes]]


async def send_whole(send: Send, status: int, media: bytes, body: bytes, more: Headers) -> None:
    """One answer."""
    headers = [
        (b"content-type", media),
        (b"content-length", b"%d" % len(body)),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
