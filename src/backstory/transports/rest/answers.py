"""Answers, and how they go out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

RawHeaders = Iterable[tuple[bytes, bytes]]

JSON: Final = b"application/json"
CACHING: Final = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Accept-Encoding"),
)
"""What each answer that shows stored things says: ask again, and again for each caller."""
SAFE: Final = (
    (b"content-disposition", b"attachment"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What keeps a browser from taking stored bytes for a page of ours."""
STALE: Final = b"backstory-stale"
"""Says how many seconds ago at the most what is answered was known to be true."""
NO_STORE: Final = ((b"cache-control", b"no-store"),)


class Answer:
    """A whole answer; `body` empty where there is none."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, body: bytes = b"", headers: RawHeaders = (), media: bytes = JSON
    ) -> None:
        self.status = status
        self.body = body
        self.headers = [*headers]
        if body:
            self.headers.append((b"content-type", media))
        if status not in (204, 304):
            self.headers.append((b"content-length", b"%d" % len(body)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


def encode(view: Any) -> bytes:
    """JSON of a view; parts that are JSON already pass through."""
    return orjson.dumps(view)
