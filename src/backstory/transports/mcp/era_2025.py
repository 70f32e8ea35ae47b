"""2025-11-25, 2025-06-18 and older: sessions, and a GET stream for what changes.

The SDK answers each request as if it were the only one; the session around it is ours, so
that any node serves any request of it.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types import (
    ClientCapabilities,
    EmptyResult,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstory import limits
from backstory.domain import policy
from backstory.domain.contexts import missing
from backstory.domain.principals import Principal
from backstory.errors import MissingError, TooLargeError
from backstory.transports.edge import headers
from backstory.transports.edge.guard import PRINCIPAL
from backstory.transports.mcp import failures
from backstory.transports.mcp.asking import abilities
from backstory.transports.mcp.asks import Ability
from backstory.transports.mcp.callers import RequestContext, Served
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.interests import Interest, too_many
from backstory.transports.mcp.replies import reply, reply_error
from backstory.transports.mcp.session_asks import SessionAsks
from backstory.transports.mcp.session_streams import stream
from backstory.transports.mcp.sessions import SESSION, Session, Sessions
from backstory.transports.mcp.uris import Address

_ID: Final = MCP_SESSION_ID_HEADER.encode()
_VERSION: Final = MCP_PROTOCOL_VERSION_HEADER.encode()


class Era2025:
    """Serves requests of older clients; `sdk` is the SDK's stateless application."""

    def __init__(self, served: Served, catalogue: Catalogue, sdk: ASGIApp) -> None:
        self._served = served
        self._catalogue = catalogue
        self._sdk = sdk
        self.sessions = Sessions(served.contexts)
        self.asks = SessionAsks(served.contexts, self.sessions)

    async def post(self, scope: Scope, receive: Receive, send: Send, message: Any) -> None:
        """One message: `initialize` begins a session, all others need one."""
        principal = scope[PRINCIPAL]
        if _begins(message):
            asked = _declared(message)
            await self._sdk(scope, receive, _Beginning(self.sessions, principal, asked, send))
            return
        session = await self._session(scope, send, _id_of(message))
        if session is None:
            return
        if not await self._answers(session, message, send):
            scope[SESSION] = session
            if headers.single(scope, _VERSION) is None:
                version = (_VERSION, session.version.encode())
                scope["headers"] = [*scope["headers"], version]
            await self._sdk(scope, receive, send)

    async def _answers(self, session: Session, message: Any, send: Send) -> bool:
        """Whether the message is an answer that a handler waits for, on whichever node."""
        if not isinstance(message, dict) or "method" in message:
            return False
        try:
            answered = await self.asks.answer(session, message)
        except TooLargeError as error:
            await reply_error(send, 413, error.detail)
            return True
        if answered:
            await reply(send, 202)
        return answered

    async def get(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The stream of what changes."""
        accepted = headers.joined(scope, b"accept") or ""
        if not any(each in accepted for each in ("text/event-stream", "text/*", "*/*")):
            await reply_error(send, 406, "the client must accept text/event-stream")
            return
        session = await self._session(scope, send, None)
        if session is not None:
            interest = Interest(
                session.principal,
                resources=True,
                prompts=True,
                tools=bool(self._catalogue.tools_follow),
                offered=self._catalogue,
            )
            await stream(
                self._served.contexts, self.sessions, interest, session, receive=receive, send=send
            )

    async def delete(self, scope: Scope, send: Send) -> None:
        """The end of a session."""
        session = await self._session(scope, send, None)
        if session is not None:
            await self.sessions.end(session)
            await reply(send, 204)

    async def _session(self, scope: Scope, send: Send, request_id: Any) -> Session | None:
        token = headers.single(scope, _ID)
        if token is None:
            detail = f"a session is needed: send initialize, then {MCP_SESSION_ID_HEADER}"
            await reply_error(send, 400, detail, request_id)
            return None
        try:
            return await self.sessions.find(scope[PRINCIPAL], token)
        except MissingError as error:
            await reply_error(send, 404, error.detail, request_id)
            return None

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        """Handler for `resources/subscribe`."""
        session = _session_of(ctx)
        principal = self._served.principal(ctx)
        uri = await readable(self._catalogue, principal, params.uri, ctx.protocol_version)
        held = await self.sessions.uris(session)
        if len(held) >= limits.SUBSCRIPTION_URIS and uri not in held:
            raise too_many()
        await self.sessions.subscribe(session, [uri])
        return EmptyResult()

    async def unsubscribe(
        self, ctx: RequestContext, params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Handler for `resources/unsubscribe`."""
        await self.sessions.unsubscribe(_session_of(ctx), params.uri)
        return EmptyResult()


async def readable(catalogue: Catalogue, principal: Principal, uri: str, version: str) -> str:
    """The URI, where it names something the caller may read; it need not be there yet.

    Raises:
        MCPError: there can be nothing for this caller.
    """
    if await catalogue.followed(uri, principal) is not None:
        return uri
    try:
        address = Address.parse(uri)
        if not policy.allows(principal, policy.Verb.READ, address.key.namespace):
            raise missing(address.key)
    except MissingError as error:
        raise failures.resource_error(error, uri, version) from error
    return str(address)


def _session_of(ctx: RequestContext) -> Session:
    session = ctx.request.scope.get(SESSION) if ctx.request is not None else None
    if not isinstance(session, Session):
        raise failures.invalid("a subscription needs a session")
    return session


def _begins(message: Any) -> bool:
    return isinstance(message, dict) and message.get("method") == "initialize" and "id" in message


def _id_of(message: Any) -> Any:
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _declared(message: Any) -> frozenset[Ability]:
    """What the client can be asked, as its `initialize` has it."""
    params = message.get("params")
    declared = params.get("capabilities") if isinstance(params, dict) else None
    try:
        return abilities(ClientCapabilities.model_validate(declared, by_name=False))
    except ValidationError:
        return frozenset()


class _Beginning:
    """Passes the SDK's answer to `initialize` on, with the id of a session where it agreed."""

    def __init__(
        self, sessions: Sessions, principal: Principal, asked: frozenset[Ability], send: Send
    ) -> None:
        self._sessions = sessions
        self._principal = principal
        self._asked = asked
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        if (version := _agreed(self._body)) is not None:
            token = self._sessions.begin(self._principal, version, self._asked)
            self._start["headers"] = [*self._start["headers"], (_ID, token.encode())]
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def _agreed(body: bytes) -> str | None:
    try:
        version = orjson.loads(body)["result"]["protocolVersion"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return str(version)
