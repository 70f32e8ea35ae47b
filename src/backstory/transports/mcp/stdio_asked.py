"""What was asked on stdin and is not answered yet."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Self

from mcp.shared._context_streams import ContextSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCResponse

from backstory import limits


class Asked:
    """Knows which requests wait for their answers."""

    def __init__(self) -> None:
        self._open: set[Any] = set()
        self._none = asyncio.Event()
        self._none.set()

    def note(self, message: Any) -> None:
        """A message has come in."""
        if "method" not in message:
            return
        if message["method"] == "notifications/cancelled":
            self.answered((message.get("params") or {}).get("requestId"))
        elif "id" in message:
            self._open.add(message["id"])
            self._none.clear()

    def answered(self, request_id: Any) -> None:
        """An answer has gone out, or is not wanted any more."""
        if isinstance(request_id, str | int):
            self._open.discard(request_id)
        if not self._open:
            self._none.set()

    async def wait(self) -> None:
        """Until all is answered, or `limits.REQUEST_SECONDS` are over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.REQUEST_SECONDS):
                await self._none.wait()


class Answers:
    """The SDK's way to stdout, which tells what has been answered."""

    def __init__(self, inner: ContextSendStream[SessionMessage], asked: Asked) -> None:
        self._inner = inner
        self._asked = asked

    async def send(self, item: SessionMessage) -> None:
        await self._inner.send(item)
        if isinstance(item.message, JSONRPCResponse | JSONRPCError):
            self._asked.answered(item.message.id)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        await self.aclose()
        return None
