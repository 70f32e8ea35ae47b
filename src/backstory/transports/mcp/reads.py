"""Reads over MCP that mostly wait for nothing, for `edge.at_once`: the fast lane's shortest way.

The headers of 2026-07-28 tell which tool is called or which resource is read, so nothing of
another request is looked into here.
"""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

from backstory.ports.hooks import Hooks, Request
from backstory.processing.steps import PARSE
from backstory.transports.edge import headers, strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import Work
from backstory.transports.edge.guard import HOOKS, REQUEST
from backstory.transports.mcp.lane import Lane, routing, tell_of_cause
from backstory.transports.mcp.tools import TABLE
from backstory.transports.mcp.uris import SCHEME

PATH: Final = "/mcp"
FORM: Final = "application/json"
"""What a message is in."""
_ROUTING: Final = "routing"
_RESOURCE: Final = SCHEME.encode()
_TOOLS: Final = frozenset(name.encode() for name, tool in TABLE.items() if tool.at_once)


class Reads:
    """`edge.at_once.Lane` of what the fast lane answers without waiting, all in one `Way`."""

    later: Final = None
    """What waits is left to the application: tools know best for how long they may."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.now: Work = self._answer

    def __call__(self, scope: Scope) -> Reads | None:
        """As `edge.at_once.Lane`."""
        if scope["path"] != PATH or scope["method"] != "POST":
            return None
        notes = headers.notes(scope)
        if _ROUTING not in notes:
            told = routing(scope["headers"])
            notes[_ROUTING] = told if told is not None and _is_read(told[-1]) else None
        return None if notes[_ROUTING] is None else self

    async def _answer(self, scope: Scope, body: bytes) -> Answer | None:
        if len(body) > strict_json.INLINE_BYTES:
            return None
        request: Request = scope[REQUEST]
        request.routed(PATH)
        if request.recorded:
            hooks: Hooks = scope[HOOKS]
            with hooks.steps(FORM)(PARSE):
                message = strict_json.loads(body)
        else:  # of so few bytes, to measure it would take longer
            message = strict_json.loads(body)
        if b"traceparent" in body or b"\\" in body:  # spelt out, or hidden in escapes
            tell_of_cause(scope, message)
        told = headers.notes(scope)[_ROUTING]
        answer = await self._lane.answer(scope, message, told)
        return None if answer is None else Answer(200, answer)


def _is_read(name: bytes | None) -> bool:
    return name is not None and (name in _TOOLS or name.startswith(_RESOURCE))
