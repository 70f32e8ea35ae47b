"""Reading one access token: its form, its signature, its claims (RFC 7519, 8725, 9068).

The library checks signature, issuer, audience and times. What stands before it refuses what
readers may take for different things: members that stand twice, headers that bring a key of
their own or change how a token is read.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import jwt

from backstory import limits
from backstory.domain import strict_json
from backstory.domain.keys import shorten
from backstory.domain.principals import Principal
from backstory.errors import MalformedError, TokenRefusedError
from backstory.security.claims import REQUIRED, Profile, Reading, principal_of
from backstory.security.keeping import Keys
from backstory.security.keys import ALGORITHMS

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_REFUSED: Final = frozenset({"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"})
_TYPES: Final[dict[Profile, frozenset[str | None]]] = {
    "rfc9068": frozenset({"at+jwt"}),
    "oidc": frozenset({"at+jwt", "jwt", None}),
}
_LATEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say, and how the rest of it is read."""

    issuer: str
    audience: Sequence[str]
    reading: Reading


class Reader:
    """Reads tokens of one issuer that are JWTs."""

    def __init__(
        self, expected: Expected, keys: Keys, now: Callable[[], float] = time.time
    ) -> None:
        self.issuer = expected.issuer
        self._expected = expected
        self._audience = tuple(each for name in expected.audience for each in spellings(name))
        self._keys = keys
        self._now = now

    async def read(self, token: str) -> tuple[Principal, float]:
        """Who the token speaks for, and when it ends, in seconds.

        Raises:
            TokenRefusedError: it is not to be believed.
        """
        if len(token) > limits.TOKEN_BYTES or not is_jwt(token):
            raise TokenRefusedError("it has not the form of a JWT, or is too long")
        head, payload, _ = token.split(".")
        header = object_of(head, "header")
        algorithm, kid = self._check_header(header)
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise TokenRefusedError(f"no key {shorten(str(kid))} for {algorithm} is known")
        claims = object_of(payload, "payload")
        try:
            self._check(token, key.public, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise TokenRefusedError(
                f"{type(error).__name__}: {shorten(str(error), 200)}"
            ) from error
        _check_claims(claims, self._expected.reading.profile)
        return principal_of(claims, self._expected.reading, self._now()), claims["exp"]

    def _check_header(self, header: Mapping[str, Any]) -> tuple[str, str | None]:
        profile = self._expected.reading.profile
        refused = _REFUSED & header.keys()
        if refused:
            raise TokenRefusedError(f"its header has {', '.join(sorted(refused))}")
        algorithm, kid, kind = (header.get(name) for name in ("alg", "kid", "typ"))
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise TokenRefusedError(f"it is signed by {shorten(str(algorithm))}")
        if not isinstance(kid, str | None) or not isinstance(kind, str | None):
            raise TokenRefusedError("kid or typ is no text")
        plain = None if kind is None else kind.lower().removeprefix("application/")
        if plain not in _TYPES[profile]:
            raise TokenRefusedError(f"its type is {shorten(str(kind))}")
        return algorithm, kid

    def _check(self, token: str, key: Any, algorithm: str) -> None:
        expected = self._expected
        jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=expected.issuer,
            audience=self._audience,
            leeway=limits.TOKEN_LEEWAY_SECONDS,
            options={"require": list(REQUIRED[expected.reading.profile])},
        )


def claimed_issuer(token: str) -> object:
    """Whom a token that has not been checked names as its issuer.

    Raises:
        TokenRefusedError: its payload cannot be read.
    """
    return object_of(token.split(".")[1], "payload").get("iss")


def spellings(audience: str) -> tuple[str, ...]:
    """An audience; where it is a URL without a path, also as clients write it, with a slash."""
    parts = urlsplit(audience)
    if parts.scheme in ("http", "https") and parts.path in ("", "/"):
        return audience.rstrip("/"), audience.rstrip("/") + "/"
    return (audience,)


def is_jwt(token: str) -> bool:
    """Whether a token has the form of a signed JWT; any other form is for its issuer to know."""
    return _FORM.match(token) is not None


def check_times(claims: Mapping[str, Any]) -> None:
    """Raises TokenRefusedError where a time is no number, or one that no clock will show."""
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LATEST:
            raise TokenRefusedError(f"the claim {name} is no time")


def _check_claims(claims: Mapping[str, Any], profile: Profile) -> None:
    """What the library lets through: times that are no numbers, and tokens for something else."""
    check_times(claims)
    # How Keycloak tells ID and refresh tokens, which it signs with the same keys.
    kind = claims.get("typ", "Bearer")
    if profile == "oidc" and (not isinstance(kind, str) or kind.lower() != "bearer"):
        raise TokenRefusedError("it is no access token by its claim typ")


def object_of(segment: str, what: str) -> dict[str, Any]:
    """The JSON object in one part of a JWT; `what` names it where it is refused."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        found = strict_json.loads(raw, depth=16, nodes=limits.TOKEN_BYTES)
    except (binascii.Error, ValueError) as error:
        raise TokenRefusedError(f"its {what} is no base64url") from error
    except MalformedError as error:
        raise TokenRefusedError(f"its {what}: {error.detail}") from error
    if not isinstance(found, dict):
        raise TokenRefusedError(f"its {what} is no object")
    return found
