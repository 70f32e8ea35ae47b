"""OAuth 2.1, by Authlib: it reads requests, tells clients apart, checks PKCE and makes answers.

Authlib knows no event loop. Its code runs on a thread, and what it asks of the store is done
on the loop meanwhile (`anyio.from_thread`). What it leaves open is decided here: only S256, a
resource that is ours, a redirect to the letter, codes and refresh tokens that are good once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AuthorizationServer

from backstory.security.authority.asked import Asked, Told
from backstory.security.authority.documents import is_document_url
from backstory.security.authority.oauth.adapting import ClientView, Request, on_loop
from backstory.security.authority.oauth.codes import CodeGrant, ForOurResource, OnlyS256
from backstory.security.authority.oauth.machines import MachineGrant
from backstory.security.authority.oauth.refreshing import RefreshGrant
from backstory.security.authority.oauth.revocation import Revocation
from backstory.security.authority.records import Client
from backstory.security.authority.service import Service


class Server(AuthorizationServer):
    """Answers one request. To be used on a thread that a loop's task waits for."""

    def __init__(self, service: Service, asked: Asked) -> None:
        super().__init__()
        self.service, self.asked = service, asked
        self.given: tuple[str, str, str] | None = None
        self.register_grant(CodeGrant, [OnlyS256(required=True), ForOurResource()])
        self.register_grant(RefreshGrant)
        self.register_grant(MachineGrant)
        self.register_endpoint(Revocation)

    def query_client(self, client_id: str) -> ClientView | None:
        """A client that was registered; or one of a document, by what it was given before.

        No stranger makes this server fetch anything: at the token endpoint a document counts as
        it was read when the user agreed.
        """
        if not is_document_url(client_id):
            found = on_loop(self.service.clients.find, client_id)
        else:
            found = on_loop(_of_ticket, self.service, self.asked, client_id)
        return None if found is None else ClientView(found)

    def create_oauth2_request(self, request: Asked) -> Request:
        return Request(request, self.service.issuer)

    def handle_response(self, status: int, body: Any, headers: Iterable[tuple[str, str]]) -> Told:
        told = dict(headers)
        location = told.pop("Location", None)
        if location is not None:  # RFC 9207 section 2: errors too
            location = add_params_to_uri(location, [("iss", self.service.issuer)])
        return Told(status, body or {}, location, told, self.given)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def validate_requested_scope(self, scope: str) -> None:
        """What is not known is left out, as RFC 6749 section 3.3 allows."""


async def _of_ticket(service: Service, asked: Asked, client_id: str) -> Client | None:
    """The client as it was when it was given what it shows now."""
    form = asked.parameters
    found: Client | None = None
    if "code" in form:
        code = await service.grants.code(form["code"])
        found = code.client if code else None
    elif shown := form.get("refresh_token") or form.get("token"):
        family = await service.grants.shown(shown)
        found = family.family.client if family else None
        if found is None and "token" in form:  # an access token names its client itself
            return Client(client_id, client_id)
    return found if found is not None and found.id == client_id else None
