"""A request and its answer, as uvicorn has them, at less cost for each.

An answer whose length is known goes out in one piece: its head waits for the first of its body,
which follows at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from backstory.cli.serving.direct import Direct
from backstory.cli.serving.lines import KNOWN, Header, line, lower
from backstory.transports.edge.answer import Answer

_TOGETHER_BYTES: Final = 65_536
"""A longer body is not copied behind its head."""
_BODILESS: Final = frozenset({204, 304})


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

    def send_whole(self, direct: Direct, answer: Answer) -> bool:
        """Send all of an answer at once; False where something else has to be said or waited for."""
        if self.flow.write_paused or not self.keep_alive or self._bodiless:
            return False
        if not self.disconnected:
            wire = direct.wire(answer, self.default_headers)
            self.response_started = self.response_complete = True
            self.transport.write(wire)
            self.message_event.set()
            self.on_response()
        return True

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
        return [KNOWN.get(each) or self._line(*each) for each in headers]

    def _line(self, name: bytes, value: bytes) -> bytes:
        made = line(name, value)
        key = lower(name)
        if key == b"content-length" and self.chunked_encoding is None:
            self.chunked_encoding, self.expected_content_length = False, int(value)
        elif key == b"transfer-encoding" and value.lower() == b"chunked":
            self.chunked_encoding, self.expected_content_length = True, 0
        elif key == b"connection" and b"close" in [
            one.strip() for one in value.lower().split(b",")
        ]:
            self.keep_alive, self._says_close = False, True
        return made

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
