"""A call that needs a wider token is 403 with a challenge, whatever it asked for.

So clients that can get another token do (step-up, in the authorization chapter of MCP); the
body stays the JSON-RPC error, for those that cannot.
"""

from __future__ import annotations

from starlette.types import Message, Scope, Send

from backstory.transports.edge.guard import CHALLENGE, Challenge
from backstory.transports.mcp.failures import REFUSED


def stepping_up(scope: Scope, send: Send) -> Send:
    """Sends on, with the status and the challenge that belong to a scope that is too narrow."""

    async def stepped(message: Message) -> None:
        if message["type"] == "http.response.start" and REFUSED in scope:
            challenge: Challenge | None = scope.get(CHALLENGE)
            told = None if challenge is None else challenge(scope, scope[REFUSED])
            if told is not None:
                headers = [*message.get("headers", ()), (b"www-authenticate", told.encode())]
                message = {**message, "status": 403, "headers": headers}
        await send(message)

    return stepped
