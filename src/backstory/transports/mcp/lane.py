"""The fast lane: a call of one of our own tools, or a read of a context, without the SDK between.

Over HTTP, a stateless POST of 2026-07-28 with nothing unusual about it is answered here by the
handlers that the SDK's server serves, as bytes. The lane answers only what it wholly accepts,
writes no protocol error, and leaves everything else to the SDK as it came (`None`): other
methods and eras, coded bodies, progress, log levels, second rounds, `Mcp-Param-*`, extensions,
and whatever is wrong. What a request has to be like is told by the SDK's own functions, whose
answers are remembered where they depend on few bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from mcp.server.streamable_http import check_accept_headers
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PARAM_HEADER_PREFIX,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    InboundModernRoute,
    classify_inbound_request,
)
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
)
from mcp_types.methods import validate_client_request
from pydantic import ValidationError
from starlette.requests import Request
from starlette.types import Scope

from backstory import limits
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, ScopeError
from backstory.ports import acts
from backstory.ports.hooks import OK, Called
from backstory.ports.hooks import Request as Heard
from backstory.ports.staleness import Staleness
from backstory.transports.edge.guard import PRINCIPAL, REQUEST
from backstory.transports.mcp import answers, resources
from backstory.transports.mcp.callers import Served
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.tools import TABLE

TOOL: Final = "tools/call"
RESOURCE: Final = "resources/read"
VERSION: Final = "2026-07-28"

Routing = tuple[bytes | None, ...]
"""The values of `_TELLING_IN_TURN`; the last names the tool or the resource."""
_ROUTING: Final = (MCP_PROTOCOL_VERSION_HEADER, MCP_METHOD_HEADER, MCP_NAME_HEADER)
_TELLING_IN_TURN: Final = (b"content-type", b"accept", *(name.encode() for name in _ROUTING))
_TELLING: Final = frozenset(_TELLING_IN_TURN)
_DOUBTFUL: Final = frozenset({b"cache-control", b"content-encoding", b"mcp-session-id"})
_PARAM: Final = MCP_PARAM_HEADER_PREFIX.lower().encode()
_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
_MESSAGE: Final = {"jsonrpc", "id", "method", "params"}
_PARAMS: Final = {TOOL: {"name", "arguments", "_meta"}, RESOURCE: {"uri", "_meta"}}
_META: Final = {PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY}
_TRACE: Final = frozenset(
    {"traceparent", "tracestate"}
)  # whoever gives the lane a message has looked
_META_BYTES: Final = 2 * limits.KIB  # of what is remembered
_REMEMBERED: Final = 256
_NOTHING: Final[dict[str, Any]] = {}
_COMPLETE: Final = b',"resultType":"complete","_meta":'
_UNCACHED: Final = b',"ttlMs":0,"cacheScope":"private"'


class Lane:
    """Answers what it wholly accepts."""

    def __init__(self, served: Served, catalogue: Catalogue, stamp: Mapping[str, Any]) -> None:
        """`stamp` is what the server says of itself in the `_meta` of each result."""
        self._served = served
        self._tools = {
            name: tool for name, tool in TABLE.items() if catalogue.mirrored(name) is None
        }
        self._foreign = catalogue.foreign
        self._stamp = {SERVER_INFO_META_KEY: stamp}
        self._plain = orjson.dumps(self._stamp)

    async def answer(self, scope: Scope, message: Any, told: Routing) -> bytes | None:
        """The body of the answer, which is a 200; None where the SDK has to answer.

        `told` is the `routing` of its head.

        Nothing has been done where it is None.
        """
        params = _accepted(told, message)
        if params is None:
            return None
        principal: Principal = scope[PRINCIPAL]
        heard: Heard = scope[REQUEST]
        id_, method = message["id"], message["method"]
        if method == TOOL:
            return await self._call(principal, heard, id_, params)
        return await self._read(principal, heard, id_, params)

    async def _call(
        self, principal: Principal, heard: Heard, id_: Any, params: Mapping[str, Any]
    ) -> bytes | None:
        tool = self._tools.get(params["name"])
        if tool is None:
            return None
        begun = time.perf_counter() if heard.timed else 0.0
        with Staleness(allowed=tool.stale) as staleness:
            try:
                answer = await tool.call(self._served, principal, params.get("arguments") or {})
            except ScopeError:
                return None  # the SDK's way says what is needed; nothing was done
            except Exception:
                if tool.verb is not Verb.READ:
                    raise  # it may have been done; the guard answers, and tells the log
                return None  # the SDK's way fails as well, and says so
        taken = time.perf_counter() - begun if begun else 0.0
        heard.called(Called(TOOL, tool.name, answer.code, taken))
        acts.doing(f"{TOOL} {tool.name}", answer.code)
        return b"".join(
            (
                b'{"jsonrpc":"2.0","id":',
                orjson.dumps(id_),
                b',"result":{"content":[{"type":"text","text":',
                answer.quoted,
                b'}],"structuredContent":',
                answer.json,
                b',"isError":true' if answer.error else b',"isError":false',
                _COMPLETE,
                self._meta(staleness),
                b"}}",
            )
        )

    async def _read(
        self, principal: Principal, heard: Heard, id_: Any, params: Mapping[str, Any]
    ) -> bytes | None:
        uri = params["uri"]
        if self._foreign(RESOURCE, params):
            return None
        begun = time.perf_counter() if heard.timed else 0.0
        with Staleness() as staleness:
            try:
                contents = await resources.contents(self._served, principal, uri)
            except BackstoryError:
                return None  # which error it is there, depends on more than the lane knows
        taken = time.perf_counter() - begun if begun else 0.0
        heard.called(Called(RESOURCE, "", OK, taken))
        acts.doing(RESOURCE)
        return b"".join(
            (
                b'{"jsonrpc":"2.0","id":',
                orjson.dumps(id_),
                b',"result":{"contents":',
                orjson.dumps(contents),
                _UNCACHED,
                _COMPLETE,
                self._meta(staleness),
                b"}}",
            )
        )

    def _meta(self, staleness: Staleness) -> bytes:
        if staleness.seconds is None:
            return self._plain
        return orjson.dumps(answers.age(staleness) | self._stamp)


def tell_of_cause(scope: Scope, message: Any) -> None:
    """The trace that the message belongs to, where its `_meta` says so (SEP-414)."""
    params = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    if not isinstance(meta, dict) or REQUEST not in scope:
        return
    parent, state = meta.get("traceparent"), meta.get("tracestate")
    if isinstance(parent, str):
        scope[REQUEST].caused(parent, state if isinstance(state, str) else "")


def _accepted(routing: Routing, message: Any) -> dict[str, Any] | None:
    """The parameters, where head and body are as plain as they are right."""
    if not isinstance(message, dict) or message.keys() != _MESSAGE:
        return None
    method, params = message["method"], message["params"]
    known = _PARAMS.get(method) if isinstance(method, str) else None
    if known is None or message["jsonrpc"] != "2.0" or type(message["id"]) not in (int, str):
        return None
    if not isinstance(params, dict) or not params.keys() <= known:
        return None
    if not isinstance(params.get(NAME_BEARING_METHODS[method]), str):
        return None
    if not isinstance(params.get("arguments", _NOTHING), dict):
        return None
    meta = _plain_meta(params.get("_meta"))
    if meta is None:
        return None
    return params if _right(routing, method, params[NAME_BEARING_METHODS[method]], meta) else None


def routing(headers: Iterable[tuple[bytes, bytes]]) -> Routing | None:
    """The headers that say what the body is; None where there are others that need a look."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _TELLING:
            if name in found:
                return None
            found[name] = value
        elif name in _DOUBTFUL or name.startswith(_PARAM):
            return None
    return tuple(map(found.get, _TELLING_IN_TURN))


@lru_cache(maxsize=_REMEMBERED)
def _right(routing: Routing, method: str, name: str, meta: bytes) -> bool:
    """Whether the SDK finds that head and body agree, and takes both; of one client's tool it is
    always the same.
    """
    content, accept, *told = routing
    if not _speaks_json(content, accept):
        return False
    headers = {
        header: value.decode("latin-1")
        for header, value in zip(_ROUTING, told, strict=True)
        if value is not None
    }
    params = {NAME_BEARING_METHODS[method]: name, "_meta": orjson.loads(meta)}
    verdict = classify_inbound_request({"method": method, "params": params}, headers=headers)
    return isinstance(verdict, InboundModernRoute) and _valid(meta)


def _speaks_json(content: bytes | None, accept: bytes | None) -> bool:
    if content is None or content.lower() not in _JSON or accept is None:
        return False
    takes_json, _ = check_accept_headers(
        Request({"type": "http", "headers": [(b"accept", accept)]})
    )
    return takes_json


def _plain_meta(meta: Any) -> bytes | None:
    """What says nothing but the version, and who calls and can do what; None where it does."""
    if not isinstance(meta, dict):
        return None
    if not meta.keys() <= _META:
        meta = {name: value for name, value in meta.items() if not _tells_trace(name, value)}
        if not meta.keys() <= _META:
            return None
    raw = orjson.dumps(meta)
    return raw if len(raw) <= _META_BYTES else None


def _tells_trace(name: str, value: Any) -> bool:
    return name in _TRACE and isinstance(value, str)


@lru_cache(maxsize=_REMEMBERED)
def _valid(meta: bytes) -> bool:
    try:
        validate_client_request(TOOL, VERSION, {"name": "any", "_meta": orjson.loads(meta)})
    except ValidationError:
        return False
    return True
