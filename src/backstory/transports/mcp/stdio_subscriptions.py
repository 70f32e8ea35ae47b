"""Subscriptions of an older client on stdio: one connection, told of changes as they come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Self

from mcp.server.session import ServerSession
from mcp.shared.subscriptions import event_to_notification
from mcp_types import (
    EmptyResult,
    NotificationParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)

from backstory.contexts.service import Contexts
from backstory.domain.principals import Principal
from backstory.transports.mcp.callers import RequestContext
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.era_2025 import readable
from backstory.transports.mcp.interests import Interest, take

logger = logging.getLogger(__name__)


class StdioSubscriptions:
    """Tells the one client there is; from `initialized` on, or its first subscription."""

    def __init__(self, contexts: Contexts, principal: Principal, catalogue: Catalogue) -> None:
        self._contexts = contexts
        self._catalogue = catalogue
        self._interest = Interest(
            principal,
            resources=True,
            prompts=True,
            tools=bool(catalogue.tools_follow),
            offered=catalogue,
        )
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def initialized(self, ctx: RequestContext, _params: NotificationParams) -> None:
        """Handler for `notifications/initialized`."""
        await self._start(ctx.session)

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        """Handler for `resources/subscribe`."""
        principal = self._interest.principal
        uri = await readable(self._catalogue, principal, params.uri, ctx.protocol_version)
        await self._start(ctx.session)
        await self._interest.add(self._contexts, [uri])
        return EmptyResult()

    async def unsubscribe(
        self, _ctx: RequestContext, params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Handler for `resources/unsubscribe`."""
        self._interest.keep(uri for uri in self._interest.uris if uri != params.uri)
        return EmptyResult()

    async def _start(self, session: ServerSession) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._tell(session), name="notices on stdio")
            self._task.add_done_callback(self._stopped)
        await self._listening.wait()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._listening.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the client is told of no more changes", exc_info=error)

    async def _tell(self, session: ServerSession) -> None:
        hub, interest = self._contexts.hub, self._interest
        async with hub.listen(interest.principal, interest.wants) as listener:
            self._listening.set()
            while not hub.draining:
                await listener.wait(None)
                for notice in interest.notices(take(listener)):
                    await session.send_notification(event_to_notification(notice, {}))
