"""Who may call where no authentication is configured: this machine, and no browser page of others.

Whatever tells that a proxy stands between makes a request foreign: behind one, every caller
would look local.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from backstory.domain import policy
from backstory.domain.permissions import NOTHING_BOUND
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.errors import BackstoryError, DeniedError, MalformedError, UnauthenticatedError
from backstory.transports.edge import headers

_LOCAL_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{0,5})?\Z", re.IGNORECASE)
_TELLING: Final = frozenset({b"host", b"origin", b"sec-fetch-site", b"forwarded", b"via"})
"""Headers that tell who made a request, or by way of whom it came."""
_OPEN_PATHS: Final = ("/livez", "/readyz", "/openapi.json", "/docs")
"""Need no token: they tell nothing of what is stored, and probes and browsers send none."""

_LOCAL: Final = policy.with_rights(LOCAL_ADMIN, NOTHING_BOUND)
"""What the store binds is for callers with tokens."""

CHALLENGE: Final = 'Bearer realm="backstory"'


class LocalMode:
    """Tells who calls. Every caller let in is the local administrator."""

    def __init__(self, token: str | None = None) -> None:
        """`token` is what `Authorization: Bearer` has to carry, None where nothing has to."""
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope) -> Principal:
        """The principal of a request.

        Raises:
            DeniedError: it does not come from this machine, or a foreign page made it.
            UnauthenticatedError: the token is missing or wrong.
            MalformedError: there is no Host header, or several.
        """
        self._check_origin(scope)
        if self._token is not None and not is_open(scope["path"]):
            self._check_token(scope, self._token)
        return _LOCAL

    def knowing(self, scope: Scope) -> Callable[[], Principal]:
        """As `guard.Knowing`: whoever is let in once is let in again.

        Raises:
            BackstoryError: as `__call__`.
        """
        self._check_origin(scope)
        if self._token is not None:
            self._check_token(scope, self._token)
        return _local

    def challenge(self, scope: Scope, error: BackstoryError) -> str | None:
        """What the answer to an error tells of the token that is missing."""
        del scope
        challenge: str | None = error.context.get("challenge")
        return challenge

    def _check_origin(self, scope: Scope) -> None:
        host = None
        for name, value in scope["headers"]:
            if name not in _TELLING:
                if name.startswith(b"x-forwarded-"):
                    raise _proxied(name)
            elif name == b"host":
                if host is not None:
                    raise MalformedError("there are two Host headers")
                host = value
            elif name == b"origin":
                _check_page(value.decode("latin-1"))
            elif name == b"sec-fetch-site":
                if value.strip().lower() == b"cross-site":
                    raise DeniedError("a page of another site made this request")
            else:
                raise _proxied(name)
        if host is None:
            raise MalformedError("there is no Host header")
        if not _LOCAL_HOST.match(host.decode("latin-1").strip()):
            raise DeniedError("Host must be localhost, 127.0.0.1 or [::1]")

    def _check_token(self, scope: Scope, token: bytes) -> None:
        given = headers.single(scope, b"authorization")
        if given is None:
            raise UnauthenticatedError(
                "a token is needed: Authorization: Bearer, from the file that the server named "
                "when it started",
                challenge=CHALLENGE,
            )
        scheme, _, credentials = given.partition(" ")
        known = hmac.compare_digest(credentials.strip().encode("latin-1"), token)
        if scheme.lower() != "bearer" or not known:
            raise UnauthenticatedError(
                "the token is not the one in the server's file",
                challenge=f'{CHALLENGE}, error="invalid_token"',
            )


def _local() -> Principal:
    return _LOCAL


def _proxied(name: bytes) -> DeniedError:
    return DeniedError(
        f"the request came through a proxy ({name.decode('latin-1')}); "
        "without authentication only this machine is served"
    )


def _check_page(origin: str) -> None:
    try:
        parts = urlsplit(origin.strip())
    except ValueError:
        parts = None
    local = (
        parts is not None
        and parts.scheme in ("http", "https")
        and _LOCAL_HOST.match(parts.netloc) is not None
        and not (parts.path or parts.query or parts.fragment)
    )
    if not local:
        raise DeniedError("Origin must be a page of localhost, 127.0.0.1 or [::1]")


def is_open(path: str) -> bool:
    """Whether the path tells nothing of what is stored, and needs no token."""
    return path in _OPEN_PATHS or path.startswith("/docs/")
