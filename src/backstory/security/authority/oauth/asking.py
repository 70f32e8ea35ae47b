"""Asking Authlib from the event loop: each function answers one request, or a half of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from authlib.oauth2.rfc6749 import OAuth2Error

from backstory.security.authority.asked import Asked, Told
from backstory.security.authority.oauth.adapting import ClientView
from backstory.security.authority.oauth.server import Server
from backstory.security.authority.records import Account, Client
from backstory.security.authority.service import Service

Answering = Callable[[Service, Asked], Awaitable[Told]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks a user for."""

    client: Client
    redirect: str
    scope: str


class _InteractionRequiredError(OAuth2Error):
    """`prompt=none` (OpenID Connect Core section 3.1.2.6): nobody is asked, so nothing is given."""

    error = "interaction_required"


async def wanted(service: Service, asked: Asked, client: Client | None) -> Wanted | Told:
    """What an authorization request asks for, or the answer to one that cannot be granted."""
    return await service.turns.run(partial(_wanted, _AuthorizationServer(service, asked, client)))


async def decided(
    service: Service, asked: Asked, client: Client | None, account: Account | None
) -> Told:
    """The answer once the user has decided; without an account, that they do not agree."""
    return await service.turns.run(
        partial(_decided, _AuthorizationServer(service, asked, client), account)
    )


async def tokens(service: Service, asked: Asked) -> Told:
    """The answer of the token endpoint."""
    server = Server(service, asked)
    return await service.turns.run(partial(server.create_token_response, asked))


async def revocation(service: Service, asked: Asked) -> Told:
    """The answer of the revocation endpoint."""
    server = Server(service, asked)
    return await service.turns.run(partial(server.create_endpoint_response, "revocation", asked))


class _AuthorizationServer(Server):
    """For the authorization endpoint, which is told the client that it asks about."""

    def __init__(self, service: Service, asked: Asked, client: Client | None) -> None:
        super().__init__(service, asked)
        self._client = client

    def query_client(self, client_id: str) -> ClientView | None:
        client = self._client
        return ClientView(client) if client is not None and client.id == client_id else None


def _wanted(server: _AuthorizationServer) -> Wanted | Told:
    asked = server.asked
    try:
        grant = server.get_consent_grant(asked)
        if "none" in asked.parameters.get("prompt", "").split():
            state = asked.parameters.get("state")
            raise _InteractionRequiredError(redirect_uri=grant.redirect_uri, state=state)
    except OAuth2Error as error:
        told: Told = server.handle_error_response(server.create_oauth2_request(asked), error)
        return told
    return Wanted(grant.client.client, grant.redirect_uri, grant.request.scope)


def _decided(server: _AuthorizationServer, account: Account | None) -> Told:
    told: Told
    try:
        grant = server.get_consent_grant(server.asked)
    except OAuth2Error as error:
        told = server.handle_error_response(server.create_oauth2_request(server.asked), error)
        return told
    told = server.create_authorization_response(grant.request, account, grant)
    return told
