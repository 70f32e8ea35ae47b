"""Proofs that whoever shows a token has its key (DPoP, RFC 9449 section 4.3).

A proof is a small JWT of the client's own, made for one request: it names the method, the URL
and the token, and is signed with the key whose thumbprint stands in the token. What was proven
once is not taken again, on whichever node.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import jwt
import orjson

from backstory import limits
from backstory.domain.keys import shorten
from backstory.errors import ProofRefusedError, TokenRefusedError
from backstory.security.keys import ALGORITHMS, Key, key_of
from backstory.security.tokens import is_jwt, object_of

_TYPE: Final = "dpop+jwt"
_REFUSED: Final = frozenset({"crit", "b64", "zip", "enc", "jku", "x5u", "x5c"})
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PORTS: Final = {"http": 80, "https": 443}
_NAMED: Final = {  # members that make a key's thumbprint, RFC 7638 section 3.2 and RFC 8037
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


class Uses(Protocol):
    """Remembers what was used, for all nodes."""

    async def first(self, name: str) -> bool:
        """Whether it is the first use of that name within `limits.PROOF_KEPT_SECONDS`.

        Raises:
            StoreError: nobody can remember it now.
        """
        ...


class Proofs:
    """`ports.tokens.ProofChecker`. `urls` are those under which clients reach the server."""

    def __init__(
        self,
        urls: Iterable[str],
        uses: Uses,
        *,
        required: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.required = required
        self._places = [_Place(url) for url in urls]
        self._uses, self._now = uses, now

    async def check(self, proof: str, method: str, path: str, *, token: str, bound_to: str) -> None:
        """As the port says."""
        if len(proof) > limits.PROOF_BYTES or not is_jwt(proof):
            raise ProofRefusedError("it has not the form of a JWT, or is too long")
        try:
            claims = _verified(proof, bound_to)
        except ProofRefusedError:
            raise
        except TokenRefusedError as error:  # of the parts that it has in common with tokens
            raise ProofRefusedError(error.reason) from error
        self._check_time(claims)
        if claims.get("htm") != method:
            raise ProofRefusedError("it was made for another method")
        if not self._names(claims.get("htu"), path):
            raise ProofRefusedError(f"it was made for {shorten(str(claims.get('htu')))}")
        if claims.get("ath") != _coded(hashlib.sha256(token.encode()).digest()):
            raise ProofRefusedError("it was made for another token")
        if not await self._uses.first(_name(claims, bound_to)):
            raise ProofRefusedError("it was used before")

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        made = claims.get("iat")
        if isinstance(made, bool) or not isinstance(made, int | float):
            raise ProofRefusedError("iat is no time")
        if abs(made - self._now()) > limits.PROOF_SECONDS:
            raise ProofRefusedError("its time is too far from ours")

    def _names(self, htu: Any, path: str) -> bool:
        if not isinstance(htu, str):
            return False
        try:
            parts = urlsplit(htu)
            origin, named = _origin(parts.scheme, parts.hostname, parts.port), unquote(parts.path)
        except ValueError:
            return False
        return any(place.origin == origin and named in place.names(path) for place in self._places)


class _Place:
    """One URL of the server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.origin = _origin(parts.scheme, parts.hostname, parts.port)
        self._before = unquote(parts.path).rstrip("/")

    def names(self, path: str) -> tuple[str, ...]:
        """How clients name the path of a request; a proxy may have taken off what is before."""
        return (self._before + path, path)


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str, int | None]:
    scheme = scheme.lower()
    return scheme, (host or "").lower(), port or _PORTS.get(scheme)


def _verified(proof: str, bound_to: str) -> dict[str, Any]:
    head, payload, _ = proof.split(".")
    header = object_of(head, "header")
    key, algorithm = _key(header)
    if _thumbprint(header["jwk"]) != bound_to:
        raise ProofRefusedError("it is of another key than the token")
    claims = object_of(payload, "payload")
    try:
        jwt.decode(
            proof,
            key.public,
            algorithms=[algorithm],
            leeway=limits.PROOF_SECONDS,
            options={"verify_aud": False, "require": []},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise ProofRefusedError(f"{type(error).__name__}: {shorten(str(error), 200)}") from error
    return claims


def _key(header: Mapping[str, Any]) -> tuple[Key, str]:
    """The key that a proof brings along, and the algorithm it is signed by."""
    kind, algorithm, member = (header.get(name) for name in ("typ", "alg", "jwk"))
    if kind != _TYPE or _REFUSED & header.keys():
        raise ProofRefusedError("its header is that of something else")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise ProofRefusedError(f"it is signed by {shorten(str(algorithm))}")
    if not isinstance(member, dict) or _PRIVATE & member.keys():
        raise ProofRefusedError("jwk is no public key")
    try:
        key = key_of(member)
    except (ValueError, TypeError, KeyError, jwt.PyJWTError) as error:
        raise ProofRefusedError(f"jwk: {shorten(str(error))}") from error
    if algorithm not in key.algorithms:
        raise ProofRefusedError(f"its key is not for {algorithm}")
    return key, algorithm


def _thumbprint(member: Mapping[str, Any]) -> str:
    named = {name: member[name] for name in _NAMED[member["kty"]]}
    return _coded(hashlib.sha256(orjson.dumps(named, option=orjson.OPT_SORT_KEYS)).digest())


def _name(claims: Mapping[str, Any], bound_to: str) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti.encode()) <= limits.PROOF_ID_BYTES:
        raise ProofRefusedError(f"jti is no text of 1 to {limits.PROOF_ID_BYTES} bytes")
    return hashlib.sha256(f"{bound_to}\n{jti}".encode()).hexdigest()[:32]


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
