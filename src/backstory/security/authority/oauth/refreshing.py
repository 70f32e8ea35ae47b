"""Refresh tokens: each is changed into the next one, once."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, grants

from backstory.security.authority import scopes
from backstory.security.authority.grants import NotGoodError, Shown
from backstory.security.authority.oauth.adapting import (
    ANY,
    ClientView,
    InvalidTargetError,
    answer,
    audience,
    on_loop,
)
from backstory.security.authority.records import Account


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ANY
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
        shown = on_loop(self.server.service.grants.shown, refresh_token)
        return None if shown is None else Refresh(shown)

    def authenticate_user(self, refresh_token: Refresh) -> Account:
        family = refresh_token.shown.family
        asked = audience(self.server.service, self.request, needed=False)
        if asked not in (None, family.audience):
            raise InvalidTargetError("The refresh token was given for another resource.")
        account: Account | None = on_loop(
            self.server.service.account_for, family.account, family.begun_at, family.client
        )
        if account is None:
            on_loop(self.server.service.grants.end, refresh_token.shown.place)
            raise InvalidGrantError("The refresh token is good no more.")
        return account

    def issue_token(self, user: Account, refresh_token: Refresh) -> dict[str, Any]:
        asked = self.request.payload.scope
        scope = scopes.known(asked) if asked else None
        shown = refresh_token.shown
        renewed = self.server.service.grants.renew
        try:
            found = on_loop(renewed, shown, user, scope or shown.family.scope)
        except NotGoodError:
            raise InvalidGrantError("The refresh token is good no more.") from None
        self.server.given = (user.tenant, user.name, shown.family.client.id)
        return answer(found)

    def save_token(self, token: Any) -> None:
        """Was kept when it was made."""

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """Was changed into the next one in the same step."""


class Refresh:
    """A refresh token as Authlib asks about it."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown

    def check_client(self, client: ClientView) -> bool:
        return self.shown.family.client.id == client.client.id

    def get_scope(self) -> str:
        return self.shown.family.scope
