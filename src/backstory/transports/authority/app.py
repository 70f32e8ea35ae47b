"""Which path is what, of those that the authorization server answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from backstory.ports.hooks import Request
from backstory.security.authority.service import Service
from backstory.transports.authority.browser import Cookies
from backstory.transports.authority.consent import Consent
from backstory.transports.authority.telling import Telling
from backstory.transports.authority.tokens import TokenEndpoints

_METADATA: Final = ("oauth-authorization-server", "openid-configuration")


class AuthorityApp:
    """The endpoints of the authorization server; `paths` are theirs."""

    def __init__(self, service: Service, address: Callable[[Scope], str]) -> None:
        cookies = Cookies(secure=service.issuer.startswith("https:"))
        telling = Telling(address)
        endpoints = TokenEndpoints(service, telling)
        self._routes: dict[str, ASGIApp] = {
            "/authorize": Consent(service, cookies, telling),
            "/token": endpoints.token,
            "/revoke": endpoints.revoke,
            "/jwks": endpoints.jwks,
        }
        for path in _metadata_paths(service.issuer):
            self._routes[path] = endpoints.metadata
        self.paths = frozenset(self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: Request = scope["backstory.request"]
        request.routed(scope["path"])
        await self._routes[scope["path"]](scope, receive, send)


def _metadata_paths(issuer: str) -> list[str]:
    """Where clients look for metadata, also where a proxy takes the issuer's path off."""
    path = urlsplit(issuer).path.rstrip("/")
    found = [f"/.well-known/{name}{each}" for name in _METADATA for each in {"", path}]
    return [*found, f"{path}/.well-known/openid-configuration"]
