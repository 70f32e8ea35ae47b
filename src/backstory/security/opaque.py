"""Reading tokens that only their issuer can read.

What the issuer says is held against the same claims as a JWT: it may be one for several
resources, and a token for another one is active, too. Many who show the same token at a time
wait for one question; a token that is not good is remembered for a moment, apart from those
that are, so that a flood of bad ones drives out no good one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

from backstory import limits
from backstory.domain.keys import shorten
from backstory.domain.principals import Principal
from backstory.errors import IssuerUnavailableError, TokenRefusedError
from backstory.security.claims import principal_of
from backstory.security.tokens import Expected, Reader, check_times, is_jwt, spellings

logger = logging.getLogger(__name__)

_FORM: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")  # RFC 6750 section 2.1
_ACCESS: Final = frozenset({"bearer", "dpop"})
_KINDS: Final = ("token_type", "typ")
"""How issuers tell access tokens from others that they find active, such as refresh tokens."""


class Asked(Protocol):
    """Whoever knows tokens."""

    async def ask(self, token: str) -> dict[str, Any]:
        """What is known of the token; `active` is True or False."""
        ...


class OpaqueReader:
    """Reads tokens of one issuer, JWTs or not: by `jwts` where they can be read here."""

    def __init__(
        self,
        jwts: Reader,
        issuer: Asked,
        expected: Expected,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jwts, self._issuer, self._expected = jwts, issuer, expected
        self._audience = frozenset(each for name in expected.audience for each in spellings(name))
        self._now, self._monotonic = now, monotonic
        self._refused: dict[bytes, float] = {}
        self._asking: dict[bytes, asyncio.Task[dict[str, Any]]] = {}

    async def read(self, token: str) -> tuple[Principal, float]:
        """As `Reader.read`.

        Raises:
            TokenRefusedError: it is not to be believed.
            IssuerUnavailableError: nobody can say whether it is.
        """
        if is_jwt(token):
            return await self._jwts.read(token)
        if len(token) > limits.TOKEN_BYTES or not _FORM.match(token):
            raise TokenRefusedError("it has not the form of a token, or is too long")
        name = sha256(token.encode()).digest()
        if self._refused.get(name, 0.0) > self._monotonic():
            raise TokenRefusedError("it was not good a moment ago")
        claims = await self._ask(name, token)
        try:
            self._check(claims)
            claims = {"iss": self._expected.issuer} | claims
            return principal_of(claims, self._expected.reading, self._now()), claims["exp"]
        except TokenRefusedError:
            self._refuse(name)
            raise

    async def aclose(self) -> None:
        """Ask no more."""
        asking = list(self._asking.values())
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, name: bytes, token: str) -> dict[str, Any]:
        asking = self._asking.get(name)
        if asking is None:
            if len(self._asking) >= limits.ASKED_WAITING:
                raise IssuerUnavailableError("too many tokens are asked about now; try again")
            asking = self._asking[name] = asyncio.create_task(self._issuer.ask(token))
            asking.add_done_callback(lambda done: self._end(name, done))
        return await asyncio.shield(asking)

    def _end(self, name: bytes, done: asyncio.Task[dict[str, Any]]) -> None:
        del self._asking[name]
        error = None if done.cancelled() else done.exception()
        if error is not None:
            notes = "; ".join(getattr(error, "__notes__", ()))
            logger.warning("the issuer cannot be asked about a token: %s", notes or error)

    def _refuse(self, name: bytes) -> None:
        if len(self._refused) >= limits.ASKED_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused.pop(name, None)
        self._refused[name] = self._monotonic() + limits.ASKED_REFUSED_SECONDS

    def _check(self, claims: Mapping[str, Any]) -> None:
        if claims["active"] is not True:
            raise TokenRefusedError("its issuer says that it is not active")
        for name in _KINDS:
            kind = claims.get(name, "Bearer")
            if not isinstance(kind, str) or kind.lower() not in _ACCESS:
                raise TokenRefusedError(f"it is no access token by {name}")
        if claims.get("iss", self._expected.issuer) != self._expected.issuer:
            raise TokenRefusedError(f"it is of the issuer {shorten(str(claims['iss']))}")
        if not self._audience & _texts(claims.get("aud")):
            raise TokenRefusedError("it was made for another audience")
        self._check_times(claims)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        check_times(claims)
        now, leeway = self._now(), limits.TOKEN_LEEWAY_SECONDS
        if claims.get("exp", 0) <= now - leeway:
            raise TokenRefusedError("it has ended, or has no end")
        if max(claims.get("nbf", 0), claims.get("iat", 0)) > now + leeway:
            raise TokenRefusedError("it is of the future")


def _texts(found: Any) -> frozenset[str]:
    if isinstance(found, str):
        return frozenset({found})
    if isinstance(found, list):
        return frozenset(each for each in found if isinstance(each, str))
    return frozenset()
