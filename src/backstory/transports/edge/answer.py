"""A whole answer, known before any of it goes out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.types import Receive, Scope, Send

RawHeaders = Iterable[tuple[bytes, bytes]]

JSON: Final = b"application/json"
_BODILESS: Final = frozenset({204, 304})


class Answer:
    """Status, headers and body, which is empty where there is none.

    One that is kept for many callers is not changed any more. `variants` are for who codes it, by
    their coding, and `wire` for who sends it: what goes out behind the first lines, made once.
    """

    __slots__ = ("body", "headers", "status", "variants", "wire")

    def __init__(
        self, status: int, body: bytes = b"", headers: RawHeaders = (), media: bytes = JSON
    ) -> None:
        self.status = status
        self.body = body
        self.headers = [*headers]
        self.variants: dict[str, Answer] = {}
        self.wire: bytes | None = None
        if body:
            self.headers.append((b"content-type", media))
        if status not in _BODILESS:
            self.headers.append((b"content-length", b"%d" % len(body)))

    def changed(self, headers: RawHeaders, body: bytes) -> Answer:
        """The same with other headers, all of them, and another body."""
        answer = Answer(self.status)
        answer.headers, answer.body = [*headers], body
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})
