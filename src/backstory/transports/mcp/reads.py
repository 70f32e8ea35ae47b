"""Reads over MCP that mostly wait for nothing, for `edge.at_once`: the fast lane's shortest way.

The headers of 2026-07-28 tell which tool is called or which resource is read, so nothing of
another request is looked into here.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from mcp.shared.inbound import MCP_NAME_HEADER
from starlette.types import Scope

from backstory.ports.hooks import Hooks
from backstory.processing.steps import PARSE
from backstory.transports.edge import strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.guard import HOOKS, REQUEST
from backstory.transports.mcp.lane import Lane, tell_of_cause
from backstory.transports.mcp.tools import TABLE
from backstory.transports.mcp.uris import SCHEME

PATH: Final = "/mcp"
FORM: Final = "application/json"
"""What a message is in."""
_NAME: Final = MCP_NAME_HEADER.encode()
_RESOURCE: Final = SCHEME.encode()
_TOOLS: Final = frozenset(name.encode() for name, tool in TABLE.items() if tool.at_once)


class Reads:
    """`edge.at_once.Lane` of what the fast lane answers without waiting."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def __call__(self, scope: Scope, body: bytes) -> Coroutine[Any, Any, Answer | None] | None:
        """As `edge.at_once.Lane`."""
        if scope["path"] != PATH or scope["method"] != "POST":
            return None
        if len(body) > strict_json.INLINE_BYTES:
            return None
        for name, value in scope["headers"]:
            if name == _NAME:
                return self._answer(scope, body) if _is_read(value) else None
        return None

    async def _answer(self, scope: Scope, body: bytes) -> Answer | None:
        scope[REQUEST].routed(PATH)
        hooks: Hooks = scope[HOOKS]
        with hooks.steps(FORM)(PARSE):
            message = strict_json.loads(body)
        tell_of_cause(scope, message)
        answer = await self._lane.answer(scope, message)
        return None if answer is None else Answer(200, answer)


def _is_read(name: bytes) -> bool:
    return name in _TOOLS or name.startswith(_RESOURCE)
