"""The authorization code grant, with PKCE (RFC 7636) and a resource (RFC 8707)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants
from authlib.oauth2.rfc7636 import CodeChallenge

from backstory.security.authority.grants import NotGoodError
from backstory.security.authority.oauth.adapting import (
    ANY,
    ClientView,
    InvalidTargetError,
    answer,
    audience,
    on_loop,
)
from backstory.security.authority.records import Account, Code
from backstory.security.authority.service import Service
from backstory.security.authority.tickets import fresh


class OnlyS256(CodeChallenge):
    """PKCE (RFC 7636) for every client, and not as plain text."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if data.get("code_challenge_method") != "S256" or len(data.get("code_challenge", "")) != 43:
            raise InvalidRequestError("A code_challenge is needed, with the method S256.")
        super().validate_code_challenge(grant, redirect_uri)


class ForOurResource:
    """RFC 8707: the request says which resource the tokens are for."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self._check)

    def _check(self, grant: Any, redirect_uri: str) -> None:
        del redirect_uri
        audience(grant.server.service, grant.request)


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ANY

    def generate_authorization_code(self) -> str:
        return fresh()

    def save_authorization_code(self, code: str, request: Any) -> None:
        service: Service = self.server.service
        data = request.payload.data
        kept = service.grants.code_for(
            request.client.client,
            request.user,
            redirect=data["redirect_uri"],
            scope=request.scope,
            audience=audience(service, request) or "",
            challenge=data["code_challenge"],
        )
        on_loop(service.grants.keep_code, code, kept)

    def query_authorization_code(self, code: str, client: ClientView) -> _Kept | None:
        found = on_loop(self.server.service.grants.code, code)
        return _Kept(code, found) if found and found.client.id == client.client.id else None

    def authenticate_user(self, authorization_code: _Kept) -> Account | None:
        code = authorization_code.code
        asked = audience(self.server.service, self.request, needed=False)
        if asked not in (None, code.audience):
            raise InvalidTargetError("The code was given for another resource.")
        account: Account | None = on_loop(
            self.server.service.account_for, code.account, code.asked_at, code.client
        )
        return account

    def generate_token(self, user: Account, **_: Any) -> dict[str, Any]:
        grants_: Any = self.server.service.grants
        try:
            taken = on_loop(grants_.take, self.request.authorization_code.text)
            found = on_loop(grants_.begin, taken, user)
        except NotGoodError:
            raise InvalidGrantError("The code is good no more.") from None
        self.server.given = (user.tenant, user.name, taken.client.id)
        return answer(found)

    def save_token(self, token: Any) -> None:
        """Was kept when it was made."""

    def delete_authorization_code(self, authorization_code: Any) -> None:
        """Was taken before any token was made."""


class _Kept:
    """A code as Authlib asks about it."""

    def __init__(self, text: str, code: Code) -> None:
        self.text, self.code = text, code
        self.code_challenge, self.code_challenge_method = code.challenge, "S256"

    def get_redirect_uri(self) -> str:
        return self.code.redirect

    def get_scope(self) -> str:
        return self.code.scope
