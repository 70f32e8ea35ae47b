"""What clients ask the authorization server: tokens, revocation, metadata and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from backstory import limits
from backstory.errors import InvalidError, MethodError, UnsupportedMediaError
from backstory.security.authority import asked as asking
from backstory.security.authority import metadata
from backstory.security.authority.asked import Asked, Told
from backstory.security.authority.oauth import asking as oauth
from backstory.security.authority.service import Service
from backstory.transports.authority.sending import send_whole
from backstory.transports.authority.telling import Telling
from backstory.transports.edge import body, headers

_JSON: Final = b"application/json"
FORM: Final = "application/x-www-form-urlencoded"
_KEEP: Final = ((b"cache-control", b"public, max-age=300"),)
_NO_STORE: Final = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class TokenEndpoints:
    """Those that take a form and answer JSON."""

    def __init__(self, service: Service, telling: Telling) -> None:
        self._service, self._telling = service, telling

    async def token(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 6749 section 3.2."""
        await self._answer(scope, receive, send, oauth.tokens)

    async def revoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 7009 section 2."""
        await self._answer(scope, receive, send, oauth.revocation)

    async def metadata(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 8414 section 3."""
        del receive
        _check_read(scope)
        await send_whole(send, 200, _JSON, orjson.dumps(metadata.document(self._service)), _KEEP)

    async def jwks(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 7517 section 5."""
        del receive
        _check_read(scope)
        await send_whole(send, 200, _JSON, await self._service.signing.jwks(), _KEEP)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, ask: oauth.Answering
    ) -> None:
        if scope["method"] != "POST":
            raise MethodError("this takes a form by POST", allow="POST")
        try:
            told = await ask(self._service, await _asked(scope, receive))
        except InvalidError as error:
            if error.status != 400:  # what is wrong with it is no matter of OAuth
                raise
            told = Told(400, {"error": "invalid_request", "error_description": error.detail})
        if told.given is not None:
            self._telling.of(scope, f"{scope['method']} {scope['path']}", told.given)
        more = [(name.lower().encode(), value.encode()) for name, value in told.headers.items()]
        kept = [each for each in more if each[0] == b"www-authenticate"]
        await send_whole(send, told.status, _JSON, orjson.dumps(told.body), [*_NO_STORE, *kept])


async def read_form(scope: Scope, receive: Receive) -> bytes:
    """The body of a form, as it came.

    Raises:
        UnsupportedMediaError: it is none.
        TooLargeError: it has more than `limits.SIGN_IN_BYTES`.
    """
    media = headers.single(scope, b"content-type") or ""
    if media.partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaError(f"a form is needed, as {FORM}", accept_post=FORM)
    return await body.read(scope, receive, limits.SIGN_IN_BYTES, "SIGN_IN_BYTES")


async def _asked(scope: Scope, receive: Receive) -> Asked:
    if scope["query_string"]:
        raise InvalidError("parameters are sent in the form, not in the query")
    parameters = asking.read(await read_form(scope, receive))
    asking.check(parameters)
    authorization = headers.single(scope, b"authorization")
    asking.check_basic(authorization)
    found: Mapping[str, str] = {} if authorization is None else {"Authorization": authorization}
    if found and "client_secret" in parameters:
        raise InvalidError("the client's secret is sent in two ways")
    return Asked("POST", parameters, found)


def _check_read(scope: Scope) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        raise MethodError("this can be read only", allow="GET, HEAD")
