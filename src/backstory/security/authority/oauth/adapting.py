"""What Authlib is given to work with: requests, clients, and a way to the event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

from anyio import from_thread
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Error, OAuth2Payload, OAuth2Request

from backstory import limits
from backstory.security.authority import redirects, scopes
from backstory.security.authority.asked import Asked
from backstory.security.authority.clients import CODE, shows_secret
from backstory.security.authority.grants import Tokens
from backstory.security.authority.records import Client
from backstory.security.authority.service import Service

T = TypeVar("T")
WITH_SECRET: Final = ["client_secret_basic", "client_secret_post"]
ANY: Final = [*WITH_SECRET, "none"]


def on_loop(call: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> T:
    """What the call answers, once the event loop has done it."""
    return from_thread.run(partial(call, *args, **kwargs))


class InvalidTargetError(OAuth2Error):
    """The resource is missing, or is none of this server's (RFC 8707 section 2)."""

    error = "invalid_target"


class Payload(OAuth2Payload):
    def __init__(self, asked: Asked) -> None:
        self._data = dict(asked.parameters)

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> dict[str, list[str]]:
        return {name: [value] for name, value in self._data.items()}


class Request(OAuth2Request):
    def __init__(self, asked: Asked, uri: str) -> None:
        super().__init__(asked.method, uri, headers=dict(asked.headers))
        self.payload = Payload(asked)

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data

    args = form


class ClientView(ClientMixin):
    """A client as Authlib asks about it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.id

    def get_default_redirect_uri(self) -> None:
        """None: OAuth 2.1 has it in every request."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        return scopes.known(scope) if scope else " ".join(scopes.FIRST)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirects.is_one_of(redirect_uri, self.client.redirects)

    def check_client_secret(self, client_secret: str) -> bool:
        return shows_secret(self.client, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        del endpoint
        return (method == "none") == (self.client.secret is None)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and CODE in self.client.grants

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.client.grants


def audience(service: Service, request: Any, *, needed: bool = True) -> str | None:
    """The audience that a request names as its resource.

    Raises:
        InvalidTargetError: it names none, or one that is not ours.
    """
    resource = request.payload.data.get("resource")
    if resource is None and not needed:
        return None
    known = None if resource is None else service.audience_of(resource)
    if known is None:
        raise InvalidTargetError("The resource has to be one that this server gives tokens for.")
    return known


def answer(tokens: Tokens) -> dict[str, Any]:
    """The answer of the token endpoint (RFC 6749 section 5.1)."""

    found: dict[str, Any] = {
        "access_token": tokens.access.token,
        "token_type": "Bearer",
        "expires_in": limits.ACCESS_TOKEN_SECONDS,
    }
    if tokens.scope is not None:
        found["scope"] = tokens.scope
    if tokens.refresh is not None:
        found["refresh_token"] = tokens.refresh
    return found
