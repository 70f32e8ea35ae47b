"""HTTP/1.1 as uvicorn speaks it, within bounds that hold before a request is complete.

The guard bounds heads as well, but it is asked only once a head is whole; until then the
parser would take in whatever is sent, and wait for as long as it takes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from backstory import limits
from backstory.cli.serving.cycle import Cycle
from backstory.cli.serving.direct import Direct
from backstory.cli.serving.heads import PLAIN_PATH, Head, Heads, Room, target
from backstory.errors import (
    BackstoryError,
    ConnectionsFullError,
    HeadTooLargeError,
    MalformedError,
    RequestTimeoutError,
)
from backstory.ports.hooks import new_trace
from backstory.transports.edge import problems
from backstory.transports.edge.at_once import Known, Later, Way
from backstory.transports.edge.pacing import Network, client_of, is_within
from backstory.transports.edge.secure_headers import SECURE
from backstory.transports.edge.shortly import Whole

_CLOSE: Final = (b"connection", b"close")
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_LINE_END: Final = b"\r\n"  # which some clients send behind a body


class State(ServerState):
    """What the connections of a server share."""

    leaving = False
    """Whether each answer closes its connection, since the server is about to stop."""
    most_each = 0
    """Connections that one address may have; 0 for any number."""
    direct: Direct | None = None
    """What is asked first for the answer to a request."""
    trusted: Sequence[Network] = ()
    """Load balancers, which may have any number."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: Counter[str] = Counter()
        self.room = Room()


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose head does not end within `limits.HEADER_BUFFER_BYTES`.

    And one that keeps the server waiting, as `patience.look` finds it; one too many of an
    address; and one that was answered by a server that is leaving, with a header that says so.
    Nothing else closes it: whoever is told uses it no more, so that no request meets a closed
    one.
    """

    server_state: State

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0  # taken in since the last head was complete
        self._in_head = True
        self._busy = 0  # requests that were not answered yet
        self._address = ""
        self._direct_left = 0
        self._ready: tuple[Way, Known] | None = None
        """What may answer the request under way by a shorter way, once it is whole."""
        self._held = b""
        """The body, so far, of a request whose end is waited for within what has come."""
        self._piece = b""
        """What has come, where it began with a request."""
        self._between = True  # requests: all of each that has begun was taken in
        self._heads = Heads(self.server_state.room)
        self.idle_since: float | None = None
        self.head_since: float | None = None
        self.rest_since: float | None = None
        self.unread_since: float | None = None

    # -- its life --------------------------------------------------------------------------

    def connection_made(  # type: ignore[override] # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        state = self.server_state
        if state.most_each and not is_within(self.client, state.trusted):
            self._address = client_of({"client": self.client, "headers": []}, ())
            state.addresses[self._address] += 1
            if state.addresses[self._address] > state.most_each:
                self._refuse(
                    ConnectionsFullError(
                        f"an address may have {state.most_each} connections to a process",
                        limit="address_connections",
                        retry_after=limits.CONNECTIONS_RETRY_SECONDS,
                    )
                )

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.unread_since = self.head_since = self.rest_since = self.idle_since = None
        if self._address:
            addresses = self.server_state.addresses
            addresses[self._address] -= 1
            if not addresses[self._address]:
                del addresses[self._address]
            self._address = ""
        self._heads.clear()

    def shutdown(self) -> None:
        super().shutdown()
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """End a TLS connection that was closed, though its client says nothing.

        One that keeps an idle connection reads nothing, and would be waited for until the
        server is out of patience.
        """
        if self.scheme == "https" and self.transport.is_closing():
            self.loop.call_later(limits.GOODBYE_SECONDS, self.transport.abort)

    # -- what comes ------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or (self._heads and self._answer_again(data)):
            return
        self._head_bytes += len(data)
        self._direct_left = limits.DIRECT_ANSWERS
        self._piece = data if self._between else b""
        if self._busy == 0 and (len(data) > len(_LINE_END) or data != _LINE_END):
            self._note()
        super().data_received(data)
        self._piece = b""
        if self._ready is not None:  # the rest comes later, if at all
            self._begin()
        if self._head_bytes > limits.HEADER_BUFFER_BYTES and not self.transport.is_closing():
            self._refuse(
                HeadTooLargeError(
                    f"a head may have {limits.HEADER_BUFFER_BYTES} bytes",
                    limit="HEADER_BUFFER_BYTES",
                )
            )

    def _note(self) -> None:
        """Something came while no request is under way: of the next head, or of a late body."""
        self.idle_since = None
        cycle: RequestResponseCycle | None = self.cycle
        late = cycle is not None and cycle.more_body
        if late and self.rest_since is None:
            self.rest_since = self.loop.time()
        elif not late and self.head_since is None:
            self.head_since = self.loop.time()

    def on_message_begin(self) -> None:
        self._in_head, self._between = True, False
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        scope: Any = {
            "type": "http",
            "asgi": _ASGI,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": self.headers,
        }
        self.scope = scope

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head; those of the trailer are dropped.

        They come when the body is over, past whatever proxies look at, and would be taken for
        fields of the head (RFC 9110 section 6.5.1).
        """
        if not self._in_head:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._complete_scope()  # fails where the target is no URL: then it is no request
        self._busy += 1
        self._head_bytes = 0
        self.idle_since = self.head_since = self.rest_since = None
        direct = self._direct()
        if direct is not None and self._is_plain():
            self._ready = _ready(direct, cast("dict[str, Any]", self.scope))
        if self._ready is None:
            self._begin()

    def _direct(self) -> Direct | None:
        """What may answer at once, where nothing stands in the way of that."""
        state = self.server_state
        cycle: RequestResponseCycle | None = self.cycle
        if state.leaving or self.flow.write_paused:
            return None
        return state.direct if cycle is None or cycle.response_complete else None

    def _is_plain(self) -> bool:
        """Whether nothing in the head asks for more than an answer."""
        return (
            self._direct_left > 0
            and not self.expect_100_continue
            and self.scope["http_version"] == "1.1"
            and self.parser.should_keep_alive()
        )

    def _answer_directly(self, direct: Direct, way: Way, known: Known) -> bool:
        """Answer the request under way, or begin to, by a shorter way than the applications'."""
        before = cast("dict[str, Any]", self.scope.copy())
        said = self.server_state.default_headers
        answer = direct.answer(way, known, self.scope, self._held, said)
        if answer is None and way.later is None:
            return False
        if not self.parser.should_upgrade():
            self._heads.keep(self._piece, Head(before, len(self._held), known))
        if answer is not None:
            self._direct_left -= 1
            self.transport.write(answer)
            self.on_response_complete()
        elif way.later is not None:
            self._begin_shortly(direct, way.later, known, self._held)
        return True

    def _answer_again(self, data: bytes) -> bool:
        """As before, for a request whose headers came before, which the parser need not see."""
        again = self._heads.find(data) if self._between and not self._busy else None
        direct = None if again is None else self._direct()
        if again is None or direct is None:
            return False
        scope, body, known = again
        way = direct.way(scope)
        if way is None:
            return False
        answer = direct.answer(way, known, scope, body, self.server_state.default_headers)
        if answer is not None:
            self.transport.write(answer)
            self.server_state.total_requests += 1
            self.idle_since = self.loop.time()
        elif way.later is None:
            return False
        else:
            self._busy, self.idle_since = 1, None
            self.scope, self.headers = cast("Any", scope), scope["headers"]
            self.expect_100_continue = False
            self._begin_shortly(direct, way.later, known, body)
        return True

    def _begin_shortly(self, direct: Direct, later: Later, known: Known, body: bytes) -> None:
        """Begin a task for the request under way, of which nothing is still to come."""
        self.cycle = cycle = self._new_cycle()
        cycle.body += body
        cycle.more_body = False
        cycle.message_event.set()
        whole = Whole(later, known, body, partial(cycle.send_whole, direct))
        self._start_asgi_task(cycle, partial(direct.shortly, whole))

    def _begin(self) -> None:
        """Hand the request to the application, in a task."""
        held, self._held, self._ready = self._held, b"", None
        before: RequestResponseCycle | None = self.cycle
        self.cycle = self._new_cycle()
        if held:
            super().on_body(held)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:  # it was sent before the answer to the last one
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _complete_scope(self) -> None:
        scope, path, query = cast("dict[str, Any]", self.scope), self.url, None
        if PLAIN_PATH.fullmatch(path) is None:
            url = httptools.parse_url(path)
            path, query = url.path, url.query
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = self.parser.get_http_version()
        scope.update(target(path, query))

    def _new_cycle(self) -> Cycle:
        stays = self.scope["http_version"] != "1.0" and self.parser.should_keep_alive()
        return Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=stays and not self.server_state.leaving,
            on_response=self.on_response_complete,
        )

    def on_body(self, body: bytes) -> None:
        if self._ready is None:
            super().on_body(body)
        else:
            self._held += body
        self._head_bytes = 0

    def on_message_complete(self) -> None:
        self._between = True
        ready, direct = self._ready, self.server_state.direct
        if ready is not None and direct is not None:
            if self._answer_directly(direct, *ready):
                self._held, self._ready = b"", None
                return
            self._begin()
        super().on_message_complete()
        self.rest_since = None
        if not self._busy:  # the rest of a body whose request was answered before it
            self.idle_since = self.loop.time()

    def on_response_complete(self) -> None:
        self._busy -= 1
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self.idle_since = self.loop.time()
        self._say_goodbye()

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(MalformedError("this is not HTTP/1.1 as RFC 9112 has it"))

    # -- what goes -------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.unread_since = None

    def head_is_late(self) -> None:
        self._refuse(
            RequestTimeoutError(f"a head has to come within {limits.HEAD_SECONDS:g} seconds")
        )

    def leave(self) -> None:
        self.head_since = self.rest_since = self.idle_since = None
        self.transport.close()
        self._say_goodbye()

    def cut(self) -> None:
        self.unread_since = None
        self.transport.abort()

    def _refuse(self, error: BackstoryError) -> None:
        """Answer what is no request, and close; in the middle of an answer only close."""
        if self._busy and self._ready is None and self.cycle.response_started:
            self.leave()
            return
        self._ready = None
        status, headers, body = problems.answer(error, f"{new_trace():032x}")
        headers = [*(each for each in headers if each != _CLOSE), _CLOSE, *SECURE]
        phrase = HTTPStatus(status).phrase.encode()
        lines = [b"HTTP/1.1 %d %s" % (status, phrase), *(b"%s: %s" % each for each in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.leave()


def _ready(direct: Direct, scope: dict[str, Any]) -> tuple[Way, Known] | None:
    """What may answer requests with this head."""
    way = direct.way(scope)
    known = None if way is None else direct.known(scope)
    return None if way is None or known is None else (way, known)
