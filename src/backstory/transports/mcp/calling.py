"""Calling handlers, ours and those of extensions: who may, in which time, and asking back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from mcp_types import InputResponseRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from backstory import limits
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, BusyError
from backstory.transports.mcp import asking, failures
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.asks import InputRequired
from backstory.transports.mcp.bounds import checked
from backstory.transports.mcp.callers import RequestContext, Served
from backstory.transports.mcp.calls import Call, Line
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.extending import Complete, Item
from backstory.transports.mcp.tools import TABLE
from backstory.transports.mcp.tools.table import Answer

Lines = Callable[[RequestContext], Line]
"""Makes the way back to the client, which depends on the transport."""


class Calling:
    """Makes calls of requests, and answers of what handlers give back."""

    def __init__(self, served: Served, catalogue: Catalogue, lines: Lines) -> None:
        self.served = served
        self.catalogue = catalogue
        self._lines = lines

    def call(
        self,
        ctx: RequestContext,
        arguments: Mapping[str, Any],
        params: InputResponseRequestParams | None = None,
        uri: str = "",
    ) -> Call:
        """The request as a handler sees it."""
        principal = self.served.principal(ctx)
        call = Call(
            principal,
            self.served.contexts,
            self.served.renderer,
            self._lines(ctx),
            self._uses(principal),
            arguments,
            uri=uri,
            takes_copies=self.served.takes_copies(ctx),
        )
        if params is None or (params.input_responses is None and params.request_state is None):
            return call
        answers = {
            name: asking.dumped(answer) for name, answer in (params.input_responses or {}).items()
        }
        # The SDK has opened the state's seal, so it is what a handler once gave back.
        state = None if params.request_state is None else orjson.loads(params.request_state)
        return replace(call, answers=answers, state=state)

    def _uses(self, principal: Principal) -> Callable[[str, Mapping[str, Any]], Awaitable[View]]:
        async def use(tool: str, arguments: Mapping[str, Any]) -> View:
            done = await TABLE[tool].done(self.served, principal, arguments)
            # Parts of a view are bytes still.
            raw = done.json if isinstance(done, Answer) else orjson.dumps(done)
            found: View = orjson.loads(raw)
            return found

        return use

    async def rounds(self, item: Item, call: Call, version: str) -> Any:
        """What the handler gives back; what it needs to know is asked, where that is ours to do.

        Raises:
            MCPError: the client cannot be asked.
            BusyError, OutcomeUnknownError: it takes longer than it may.
            Exception: whatever the handler raises.
        """
        writes = item.verb is not Verb.READ
        for _ in range(limits.ASK_ROUNDS):
            found = await failures.within(item.seconds, item.handler(call), writes=writes)
            if not isinstance(found, InputRequired):
                return found
            asking.check(found, call.line.abilities, version)
            if version in MODERN_PROTOCOL_VERSIONS:
                return found
            state = orjson.loads(kept(found))  # as if it had been on the wire
            call = replace(call, answers=await call.line.ask(found.asks), state=state)
        raise BusyError(f"asked back {limits.ASK_ROUNDS} times", limit="ASK_ROUNDS")

    async def completed(self, call: Call, complete: Complete | None, typed: str) -> Sequence[str]:
        """Values for an argument; none, where nobody knows any."""
        return [] if complete is None else await complete(call, typed)


def input_required(wanted: InputRequired) -> View:
    """The result that asks the client; its state is sealed by the SDK on the way out."""
    view: View = {"resultType": "input_required"}
    if wanted.asks:
        view["inputRequests"] = {name: ask.view() for name, ask in wanted.asks.items()}
    if wanted.state is not None:
        view["requestState"] = kept(wanted).decode()
    checked(view.get("inputRequests"), "a handler that asks")
    return view


def kept(wanted: InputRequired) -> bytes:
    """What the handler wants back in the next round, as JSON.

    Raises:
        BackstoryError: over `limits.ASK_STATE_BYTES`.
    """
    raw = orjson.dumps(wanted.state)
    if len(raw) > limits.ASK_STATE_BYTES:
        detail = f"a handler may keep {limits.ASK_STATE_BYTES} bytes, and not {len(raw)}"
        raise BackstoryError(detail, limit="ASK_STATE_BYTES")
    return raw
