"""Asking an older client back: on the stream of its call, answered by a POST to any node.

What is asked is a note in the store, empty until the answer stands in it. The node that
waits looks for it now and then; where the answer comes to that node, it is woken.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST

from backstory import ids, limits
from backstory.clock import SECOND
from backstory.contexts.service import Contexts
from backstory.errors import BusyError, TooLargeError
from backstory.transports.mcp import asking
from backstory.transports.mcp.asks import Ask
from backstory.transports.mcp.call_streams import CallStream
from backstory.transports.mcp.sessions import Session, Sessions

_OPEN: Final = b""
_ID: Final = re.compile(r"[0-9a-z]{16}")  # `ids.text` of a commit's id
_MESSAGE_CHARS: Final = 200  # of a client's refusal that is passed on


class SessionAsks:
    """Asks, and takes the answers."""

    def __init__(self, contexts: Contexts, sessions: Sessions) -> None:
        self._contexts = contexts
        self._store = contexts.store
        self._sessions = sessions
        self._waiting = 0

    async def answer(self, session: Session, message: Mapping[str, Any]) -> bool:
        """Keep an answer that came in; whether anything had been asked by that id.

        Raises:
            TooLargeError: over `limits.ASK_ANSWER_BYTES`.
        """
        id_ = message.get("id")
        if not isinstance(id_, str) or not _ID.fullmatch(id_):
            return False
        if await self._get(session, id_) != _OPEN:
            return False
        raw = orjson.dumps({name: message[name] for name in ("result", "error") if name in message})
        if len(raw) > limits.ASK_ANSWER_BYTES:
            detail = f"an answer may have {limits.ASK_ANSWER_BYTES} bytes"
            raise TooLargeError(detail, limit="ASK_ANSWER_BYTES")
        kept = await self._store.swap_note(
            session.principal.tenant, _note(session, id_), _OPEN, raw, self._end()
        )
        if kept:
            self._sessions.wake(session)
        return kept

    async def ask(
        self, session: Session, stream: CallStream, asks: Mapping[str, Ask]
    ) -> dict[str, Any]:
        """What the client answered.

        Raises:
            MCPError: it refused, or left.
            BusyError: it did not answer within `limits.ASK_SECONDS`, too many are asked, or
                the server is stopping.
        """
        if self._waiting >= limits.ASKS:
            raise BusyError("too many clients are asked; try again later", limit="ASKS")
        named = {name: ids.text(ids.commit_id()) for name in asks}
        woken = asyncio.Event()
        stop = self._sessions.on_change(session, woken.set)
        self._waiting += 1
        try:
            for name, ask in asks.items():
                await self._put(session, named[name])
                await stream.tell({"id": named[name], **ask.view()})
            return await self._answers(session, stream, asks, named, woken)
        finally:
            self._waiting -= 1
            stop()
            for id_ in named.values():
                await self._store.delete_note(session.principal.tenant, _note(session, id_))

    async def _answers(
        self,
        session: Session,
        stream: CallStream,
        asks: Mapping[str, Ask],
        named: Mapping[str, str],
        woken: asyncio.Event,
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        end, beaten = loop.time() + limits.ASK_SECONDS, loop.time()
        found: dict[str, Any] = {}
        while True:
            woken.clear()
            for name in asks.keys() - found.keys():
                raw = await self._get(session, named[name])
                if raw:
                    found[name] = _result(asks[name], raw)
            if len(found) == len(asks):
                return {name: found[name] for name in asks}
            await self._check(session, stream, late=loop.time() >= end)
            if loop.time() - beaten >= limits.HEARTBEAT_SECONDS:
                await stream.beat()
                beaten = loop.time()
            await _wait(woken, limits.ASK_LOOK_SECONDS)

    async def _check(self, session: Session, stream: CallStream, *, late: bool) -> None:
        if stream.gone.is_set() or await self._sessions.ended(session):
            raise MCPError(INVALID_REQUEST, "the client left before it answered")
        if self._contexts.hub.draining:
            raise BusyError("the server is stopping; call again")
        if late:
            raise asking.unanswered()

    async def _put(self, session: Session, id_: str) -> None:
        tenant = session.principal.tenant
        await self._store.put_note(tenant, _note(session, id_), _OPEN, self._end())

    async def _get(self, session: Session, id_: str) -> bytes | None:
        return await self._store.get_note(session.principal.tenant, _note(session, id_))

    def _end(self) -> int:
        return self._contexts.clock.now() + int(limits.ASK_SECONDS * SECOND)


def _note(session: Session, id_: str) -> str:
    return f"mcp/{session.id}/ask/{id_}"


def _result(ask: Ask, raw: bytes) -> dict[str, Any]:
    message = orjson.loads(raw)
    if "result" in message:
        return asking.answer(ask, message["result"])
    error = message.get("error")
    said = error.get("message") if isinstance(error, dict) else None
    detail = f"the client refused {ask.method}"
    if isinstance(said, str):
        detail += f": {said[:_MESSAGE_CHARS]}"
    raise MCPError(INVALID_REQUEST, detail)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
