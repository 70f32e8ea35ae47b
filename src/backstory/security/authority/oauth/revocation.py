"""Revocation (RFC 7009): a refresh token with all that came from it, or one access token."""

from __future__ import annotations

from typing import Any

import jwt
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint

from backstory.clock import SECOND
from backstory.security.authority.oauth.adapting import ANY, ClientView, on_loop
from backstory.security.authority.oauth.refreshing import Refresh
from backstory.security.authority.service import Service
from backstory.security.claims import token_name


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ANY

    def check_params(self, request: Any, client: Any) -> None:
        del client
        if "token" not in request.form:
            raise InvalidRequestError("A token is needed.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
        del token_type_hint  # what it is can be seen
        service: Service = self.server.service
        if token_string.count(".") == 2:
            return on_loop(_access_token, service, token_string)
        shown = on_loop(service.grants.shown, token_string)
        return None if shown is None else Refresh(shown)

    def revoke_token(self, token: Any, request: Any) -> None:
        del request
        service: Service = self.server.service
        if isinstance(token, Refresh):
            on_loop(service.grants.end, token.shown.place)
        else:
            on_loop(service.grants.end_token, token.name, token.until)


class _Access:
    """An access token of ours."""

    def __init__(self, client_id: str, name: str, until: int) -> None:
        self.client_id, self.name, self.until = client_id, name, until

    def check_client(self, client: ClientView) -> bool:
        return self.client_id == client.client.id


async def _access_token(service: Service, text: str) -> _Access | None:
    """The token, if it is one of ours that has not ended."""
    try:
        kid = jwt.get_unverified_header(text).get("kid")
        key = next((each for each in (await service.signing.ring()).keys if each.kid == kid), None)
        if key is None:
            return None
        claims = jwt.decode(
            text, jwt.PyJWK(key.jwk).key.public_key(), ["ES256"], options={"verify_aud": False}
        )
        until = int(claims["exp"]) * SECOND
        return _Access(claims["client_id"], token_name(claims["iss"], claims["jti"]), until)
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        return None
