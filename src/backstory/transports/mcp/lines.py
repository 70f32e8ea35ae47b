"""The ways back to a client while its call is under way.

Over HTTP it is the answer's own stream; on stdio the SDK's connection. With 2026-07-28 it
carries progress only, since that era asks by its results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp_types import INVALID_REQUEST, ProgressToken

from backstory import limits
from backstory.transports.mcp import asking
from backstory.transports.mcp.asks import Ability, Ask
from backstory.transports.mcp.call_streams import STREAM, CallStream
from backstory.transports.mcp.callers import RequestContext
from backstory.transports.mcp.session_asks import SessionAsks
from backstory.transports.mcp.sessions import SESSION, Session


@dataclass(frozen=True, slots=True)
class StdioLine:
    """The one connection there is."""

    ctx: RequestContext

    @property
    def abilities(self) -> frozenset[Ability]:
        return asking.abilities(self.ctx.session.client_capabilities)

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        await self.ctx.session.report_progress(done, total, message)

    async def ask(self, asks: Mapping[str, Ask]) -> dict[str, Any]:
        given = await asyncio.gather(*map(self._ask, asks.values()))
        return dict(zip(asks, given, strict=True))

    async def _ask(self, ask: Ask) -> dict[str, Any]:
        try:
            async with asyncio.timeout(limits.ASK_SECONDS):
                answer = await self.ctx.session.send_request(
                    asking.request(ask),
                    asking.RESULTS[ask.method],
                    metadata=ServerMessageMetadata(related_request_id=self.ctx.request_id),
                )
        except TimeoutError as error:
            raise asking.unanswered() from error
        return asking.dumped(answer)


@dataclass(frozen=True, slots=True)
class HttpLine:
    """The stream of one POST; `session` is that of an older client."""

    ctx: RequestContext
    stream: CallStream | None
    asks: SessionAsks
    session: Session | None = None

    @property
    def abilities(self) -> frozenset[Ability]:
        if self.session is not None:
            return self.session.abilities
        return asking.abilities(self.ctx.session.client_capabilities)

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        token: ProgressToken | None = progress_token_from_params(self.ctx.params)
        if token is None or self.stream is None or not self.stream.listens:
            return
        params: dict[str, Any] = {"progressToken": token, "progress": done}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self.stream.tell({"method": "notifications/progress", "params": params})

    async def ask(self, asks: Mapping[str, Ask]) -> dict[str, Any]:
        if self.stream is None or not self.stream.listens or self.session is None:
            detail = "to be asked, a client has to accept text/event-stream"
            raise MCPError(INVALID_REQUEST, detail)
        return await self.asks.ask(self.session, self.stream, asks)


def http_line(ctx: RequestContext, asks: SessionAsks) -> HttpLine:
    """The line of a request that came over HTTP."""
    scope = {} if ctx.request is None else ctx.request.scope
    return HttpLine(ctx, scope.get(STREAM), asks, scope.get(SESSION))
