"""The port for operators: metrics and health without a token, and nothing else.

Whoever reaches it is believed to be one, so it listens on a loopback address unless told
otherwise. No browser is let in by a page: neither from another site nor by another name.
"""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, DeniedError, MissingError
from backstory.transports.edge.local_mode import LocalMode

PATHS: Final = frozenset({"/metrics", "/livez", "/readyz", "/healthz"})
WATCHMAN: Final = Principal("", "ops", frozenset(), operator=True)
"""Whoever asks there: may see how the server fares, and nothing of any tenant."""


class Ops:
    """`edge.guard.Authenticator` of that port."""

    def __init__(self, *, loopback: bool) -> None:
        """`loopback` says that it listens on such an address alone, so that Host tells which."""
        self._local = LocalMode() if loopback else None

    async def __call__(self, scope: Scope) -> Principal:
        """The one that may look.

        Raises:
            DeniedError: a page of a browser made the request, or it came through a proxy.
            MissingError: there is no such thing on this port.
        """
        if self._local is not None:
            await self._local(scope)
        elif any(name in (b"origin", b"sec-fetch-site") for name, _ in scope["headers"]):
            raise DeniedError("this port is for no browser")
        if scope["path"] not in PATHS:
            raise MissingError("this port has /metrics, /healthz, /livez and /readyz")
        return WATCHMAN

    def challenge(self, scope: Scope, error: BackstoryError) -> str | None:
        del scope, error
        return None
