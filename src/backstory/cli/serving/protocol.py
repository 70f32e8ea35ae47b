"""HTTP/1.1 as uvicorn speaks it, with a bound on a request's head before it is complete.

The guard bounds heads as well, but it is asked only once a head is whole; until then the
parser would take in whatever is sent.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from backstory import limits

_ANSWER: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class State(ServerState):
    """What the connections of a server share."""

    leaving = False
    """Whether each answer closes its connection, since the server is about to stop."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose head does not end within `limits.HEADER_BUFFER_BYTES`.

    And one that was answered by a server that is leaving, with a header that says so. Nothing
    else closes it: whoever is told uses it no more, so that no request meets a closed one.
    """

    server_state: State

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0  # taken in since the last head was complete
        self._in_head = True

    def shutdown(self) -> None:
        super().shutdown()
        self._say_goodbye()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """End a TLS connection that was closed, though its client says nothing.

        One that keeps an idle connection reads nothing, and would be waited for until the
        server is out of patience.
        """
        if self.scheme == "https" and self.transport.is_closing():
            self.loop.call_later(limits.GOODBYE_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > limits.HEADER_BUFFER_BYTES and not self.transport.is_closing():
            self.transport.write(_ANSWER)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head; those of the trailer are dropped.

        They come when the body is over, past whatever proxies look at, and would be taken for
        fields of the head (RFC 9110 section 6.5.1).
        """
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        self._head_bytes = 0
        if self.server_state.leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._head_bytes = 0
