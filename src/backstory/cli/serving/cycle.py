"""A request and its answer, as uvicorn has them, at less cost for each.

An answer whose length is known goes out in one piece: its head waits for the first of its body,
which follows at once. Lines of the head that nearly every answer has are put together once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

Header = tuple[bytes, bytes]

_TOGETHER_BYTES: Final = 65_536
"""A longer body is not copied behind its head."""
_MOST_LINES: Final = 256
_OFTEN_THE_SAME: Final = frozenset(
    {
        b"cache-control",
        b"content-security-policy",
        b"content-type",
        b"cross-origin-resource-policy",
        b"referrer-policy",
        b"strict-transport-security",
        b"vary",
        b"x-content-type-options",
    }
)
_BODILESS: Final = frozenset({204, 304})

_LINES: Final[dict[Header, bytes]] = {}
_NAMES: Final[set[bytes]] = set()
"""Which are names, in lower case; as few as there are lines at most."""


class Cycle(RequestResponseCycle):
    """Keeps uvicorn's promises: what breaks ASGI's rules raises RuntimeError."""

    _head = b""  # that was not sent yet
    _says_close = False

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._begin(message)
        elif self.response_complete or message["type"] != "http.response.body":
            raise RuntimeError(f"{message['type']} is out of turn")
        elif self.chunked_encoding:
            await super().send(message)
        else:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))

    def _begin(self, message: Any) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"{message['type']} is out of turn")
        self.response_started, self.waiting_for_100_continue = True, False
        status = message["status"]
        lines = [STATUS_LINE[status], *self._lines(self.default_headers)]
        lines += self._lines(message.get("headers", ()))
        if not self.keep_alive and not self._says_close:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and not self._bodiless and status not in _BODILESS:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)
        if self.chunked_encoding:  # what comes may be long in coming
            self._send(b"")

    @property
    def _bodiless(self) -> bool:
        return self.scope["method"] == "HEAD"

    def _lines(self, headers: Iterable[Header]) -> list[bytes]:
        return [_LINES.get(each) or self._line(*each) for each in headers]

    def _line(self, name: bytes, value: bytes) -> bytes:
        """One field of the head, with its end.

        Raises:
            RuntimeError: it would be more than one (RFC 9110 section 5.5).
        """
        key = name if name in _NAMES else _name(name)
        if HEADER_VALUE_RE.search(value):
            raise RuntimeError(f"the header {name!r} has a value that is none")
        if key == b"content-length" and self.chunked_encoding is None:
            self.chunked_encoding, self.expected_content_length = False, int(value)
        elif key == b"transfer-encoding" and value.lower() == b"chunked":
            self.chunked_encoding, self.expected_content_length = True, 0
        elif key == b"connection" and b"close" in [
            one.strip() for one in value.lower().split(b",")
        ]:
            self.keep_alive, self._says_close = False, True
        line = b"%b: %b\r\n" % (key, value)
        if key in _OFTEN_THE_SAME and len(_LINES) < _MOST_LINES:
            _LINES[name, value] = line
        return line

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self._bodiless:
            body, self.expected_content_length = b"", 0
        self.expected_content_length -= len(body)
        if self.expected_content_length < 0 or (self.expected_content_length and not more):
            raise RuntimeError("the body has another length than its head says")
        self._send(body)
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _send(self, body: bytes) -> None:
        head, self._head = self._head, b""
        if head and len(body) > _TOGETHER_BYTES:
            self.transport.write(head)
            head = b""
        if head or body:
            self.transport.write(head + body)


def _name(name: bytes) -> bytes:
    if HEADER_RE.search(name):
        raise RuntimeError(f"{name!r} is no name of a header")
    lower = name.lower()
    if len(_NAMES) < _MOST_LINES:
        _NAMES.add(lower)
    return lower
