"""The GET stream of a session: server-sent events that tell what changed.

A session has one stream that tells: a newer one takes over, on whichever node. What the
session subscribed to is read anew when something has changed that its principal may see, so
a subscription made on another node holds from the first change after it.
"""

from __future__ import annotations

import asyncio
import contextlib

from mcp.shared.subscriptions import event_to_notification
from starlette.types import Receive, Send

from backstory import limits
from backstory.contexts.service import Contexts
from backstory.contexts.watching import Listener
from backstory.transports.mcp.call_streams import EVENTS, HEARTBEAT, event
from backstory.transports.mcp.interests import Interest, Notice, take
from backstory.transports.mcp.sessions import Session, Sessions


async def stream(
    contexts: Contexts,
    sessions: Sessions,
    interest: Interest,
    session: Session,
    *,
    receive: Receive,
    send: Send,
) -> None:
    """Tell until the client leaves, the session or token ends, a newer stream takes over or we drain."""
    async with contexts.hub.listen(session.principal, interest.sees) as listener:
        telling = _Telling(contexts, sessions, session, interest, listener)
        await telling.begin()
        await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
        await _send(send, HEARTBEAT)
        left = asyncio.create_task(_until_gone(receive, listener))
        stop = sessions.on_change(session, listener.wake)
        try:
            await telling.tell(send, left)
        finally:
            stop()
            left.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await left
    if telling.open:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Telling:
    """One stream at work."""

    def __init__(
        self,
        contexts: Contexts,
        sessions: Sessions,
        session: Session,
        interest: Interest,
        listener: Listener,
    ) -> None:
        self._contexts = contexts
        self._sessions = sessions
        self._session = session
        self._interest = interest
        self._listener = listener
        self._name = ""
        self.open = True

    async def begin(self) -> None:
        """Take the session's stream over, and learn what it subscribed to."""
        self._name = await self._sessions.take_stream(self._session)
        await self._learn()

    async def tell(self, send: Send, left: asyncio.Task[None]) -> None:
        while not self._contexts.hub.draining:
            standing, principal = self._contexts.standing, self._session.principal
            most = standing.within(principal, limits.HEARTBEAT_SECONDS)
            something = await self._listener.wait(most)
            if left.done():
                self.open = False
                return
            if not await self._goes_on():
                return
            # First take, then learn: a subscription holds for each change after it.
            changes = take(self._listener)
            await self._learn()
            for notice in self._interest.notices(changes):
                await _send(send, _event(notice))
            if something:
                await asyncio.sleep(limits.SESSION_LOOK_SECONDS)
            else:
                await _send(send, HEARTBEAT)

    async def _learn(self) -> None:
        uris = await self._sessions.uris(self._session)
        if uris != self._interest.uris:
            self._interest.keep(uris)
            await self._interest.add(self._contexts, uris)

    async def _goes_on(self) -> bool:
        if self._contexts.clock.now() >= self._session.expires_at:
            return False
        if self._contexts.standing.ended(self._session.principal):
            return False
        if not await self._interest.goes_on(self._contexts):
            return False
        if await self._sessions.ended(self._session):
            return False
        return await self._sessions.holds_stream(self._session, self._name)


def _event(notice: Notice) -> bytes:
    notification = event_to_notification(notice, {}).model_dump(
        by_alias=True, mode="json", exclude_none=True
    )
    return event({"jsonrpc": "2.0"} | notification)


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.wake()
