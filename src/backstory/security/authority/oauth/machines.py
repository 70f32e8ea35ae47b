"""The client credentials grant: a machine asks for itself."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError, grants

from backstory.security.authority import scopes
from backstory.security.authority.oauth.adapting import WITH_SECRET, answer, audience, on_loop
from backstory.security.authority.service import Service


class MachineGrant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = WITH_SECRET

    def generate_token(self, scope: str | None = None, **_: Any) -> dict[str, Any]:
        service: Service = self.server.service
        asked = audience(service, self.request) or ""
        client = self.request.client.client
        known = scopes.known(scope) if scope else None
        if scope and known is None:  # no scope at all would be every right of its roles
            raise InvalidScopeError
        self.server.given = (client.tenant, client.id, client.id)
        return answer(on_loop(service.grants.for_machine, client, known, asked))

    def save_token(self, token: Any) -> None:
        """Was kept when it was made."""
