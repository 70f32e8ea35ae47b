"""Browsers that came by HTTPS once come by nothing else (RFC 6797)."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstory import limits

STRICT: Final = (b"strict-transport-security", b"max-age=%d" % limits.HSTS_SECONDS)


class StrictTransport:
    """Says so on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, strict(send))


def strict(send: Send) -> Send:
    """Sends on, and says so."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), STRICT]}
        await send(message)

    return told
