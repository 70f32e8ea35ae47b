"""/mcp over HTTP: one endpoint, on every node the same.

The body is read once, within bounds and strictly, and handed to the era it belongs to. The
SDK gets it as it came and owns the protocol; what stands before it is only what the SDK
cannot know: sessions that any node can read, and the one reading of JSON.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from mcp.server.streamable_http import check_accept_headers
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_PROTOCOL_VERSION_HEADER,
    InboundLadderRejection,
    classify_inbound_request,
)
from mcp_types import INVALID_REQUEST, PARSE_ERROR, PROTOCOL_VERSION_META_KEY
from mcp_types.methods import INPUT_REQUIRED_METHODS
from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    MODERN_PROTOCOL_VERSIONS,
    SUPPORTED_PROTOCOL_VERSIONS,
)
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from backstory import limits
from backstory.errors import MalformedError, TooLargeError
from backstory.ports.hooks import SILENCE, Hooks
from backstory.processing.steps import PARSE
from backstory.transports.edge import body as bodies
from backstory.transports.edge import headers, strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.guard import HOOKS
from backstory.transports.mcp.call_streams import STREAM, CallStream, watched
from backstory.transports.mcp.callers import RequestContext, Served
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.era_2025 import Era2025
from backstory.transports.mcp.lane import Lane, routing, tell_of_cause
from backstory.transports.mcp.lines import HttpLine, http_line
from backstory.transports.mcp.reads import FORM, Reads
from backstory.transports.mcp.replies import reply_error
from backstory.transports.mcp.server import build
from backstory.transports.mcp.stepping_up import stepping_up

_VERSION: Final = MCP_PROTOCOL_VERSION_HEADER.encode()


@asynccontextmanager
async def mcp_app(served: Served, *, fast: bool = True) -> AsyncIterator[Endpoint]:
    """The ASGI application for /mcp, for as long as the context lasts.

    Behind `edge.guard`, which says in the scope who calls. Where it is not `fast`, the SDK
    answers everything.
    """
    endpoint = Endpoint(served, fast=fast)
    async with endpoint.manager.run():
        yield endpoint


class Endpoint:
    """Sends each request to its era. `reads` are those that a server may ask first."""

    def __init__(self, served: Served, *, fast: bool) -> None:
        self._catalogue = Catalogue(served)
        self._older = Era2025(served, self._catalogue, self._sdk)
        server = build(served, self._catalogue, self._older, self._line)
        self._lane = Lane(served, self._catalogue, server.server_info_stamp) if fast else None
        self.reads = None if self._lane is None else Reads(self._lane)
        # Host and Origin are the edge's to check, so the SDK does not.
        self.manager = StreamableHTTPSessionManager(
            server,
            json_response=True,
            stateless=True,
            max_request_body_size=limits.BODY_BYTES,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "POST":
            await self._post(scope, receive, send)
            return
        scope["headers"] = _trimmed(scope["headers"])
        if method not in ("GET", "DELETE"):
            await _refuse_method(send, b"GET, POST, DELETE")
        elif await _check_version(scope, send):
            if method == "GET":
                await self._older.get(scope, receive, send)
            else:
                await self._older.delete(scope, send)

    async def _quickly(self, scope: Scope, message: Any) -> bytes | None:
        """What the fast lane answers, if it does."""
        told = None if self._lane is None else routing(scope["headers"])
        if self._lane is None or told is None:
            return None
        return await self._lane.answer(scope, message, told)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            raw = await bodies.read(scope, receive)
            hooks: Hooks = scope.get(HOOKS, SILENCE)
            with hooks.steps(FORM)(PARSE):
                message = await strict_json.loads_aside(raw)
        except TooLargeError as error:
            await reply_error(send, 413, error.detail)
            return
        except MalformedError as error:
            await reply_error(send, 400, error.detail, code=PARSE_ERROR)
            return
        tell_of_cause(scope, message)
        if answer := await self._quickly(scope, message):
            await Answer(200, answer)(scope, receive, send)
            return
        scope["headers"], send = _trimmed(scope["headers"]), stepping_up(scope, send)
        version = headers.single(scope, _VERSION)
        again: Receive = _Replay(raw, receive)
        method = message.get("method") if isinstance(message, dict) else None
        if isinstance(method, str) and method in INPUT_REQUIRED_METHODS:
            send = scope[STREAM] = CallStream(send, listens=_listens(scope))
            if self._catalogue.foreign(method, message.get("params")):
                older = version is None or version in HANDSHAKE_PROTOCOL_VERSIONS
                answering = self._answer(scope, again, send, message, version)
                await watched(answering, receive, send.gone, cancels=not older)
                return
        await self._answer(scope, again, send, message, version)

    async def _answer(
        self, scope: Scope, again: Receive, send: Send, message: Any, version: str | None
    ) -> None:
        if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._sdk(scope, again, send)
        elif _has_envelope(message):
            await _refuse_envelope(scope, message, send)
        else:
            await self._older.post(scope, again, send, message)

    def _line(self, ctx: RequestContext) -> HttpLine:
        return http_line(ctx, self._older.asks)

    async def _sdk(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.manager.handle_request(scope, receive, send)


def _trimmed(found: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """White space around a value is none of it (RFC 9110 section 5.5); a server may leave it."""
    return [
        (name, value.strip(b" \t")) if name.startswith(b"mcp-") else (name, value)
        for name, value in found
    ]


class _Replay:
    """Gives a body that was read once more, then whatever else comes."""

    def __init__(self, raw: bytes, receive: Receive) -> None:
        self._raw: bytes | None = raw
        self._receive = receive

    async def __call__(self) -> Message:
        if self._raw is None:
            return await self._receive()
        raw, self._raw = self._raw, None
        return {"type": "http.request", "body": raw, "more_body": False}


def _listens(scope: Scope) -> bool:
    """Whether the client takes events as well."""
    _, events = check_accept_headers(Request(scope))
    return events


def _has_envelope(message: Any) -> bool:
    """Whether the body is one of 2026-07-28, whatever the headers say."""
    params = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    return isinstance(meta, dict) and PROTOCOL_VERSION_META_KEY in meta


async def _refuse_envelope(scope: Scope, message: Any, send: Send) -> None:
    """A body of 2026-07-28 without the header that belongs to it: the SDK's own words."""
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    verdict = classify_inbound_request(message, headers=named)
    assert isinstance(verdict, InboundLadderRejection)
    status = ERROR_CODE_HTTP_STATUS.get(verdict.code, 400)
    request_id = message.get("id")
    await reply_error(
        send, status, verdict.message, request_id, code=verdict.code, data=verdict.data
    )


async def _check_version(scope: Scope, send: Send) -> bool:
    """Whether a GET or DELETE is one of an older client; otherwise it is answered here."""
    version = headers.single(scope, _VERSION)
    if version is None or version in HANDSHAKE_PROTOCOL_VERSIONS:
        return True
    if version in MODERN_PROTOCOL_VERSIONS:
        await _refuse_method(send, b"POST")
    else:
        known = ", ".join(SUPPORTED_PROTOCOL_VERSIONS)
        await reply_error(send, 400, f"unsupported protocol version; there are {known}")
    return False


async def _refuse_method(send: Send, allowed: bytes) -> None:
    await reply_error(
        send, 405, "method not allowed", None, (b"allow", allowed), code=INVALID_REQUEST
    )
