"""The public keys of an issuer (RFC 7517), and which of them a token may be checked with.

Only asymmetric algorithms are there: a key that everyone knows must not be a secret. Each key
is good for the algorithms of its own kind, and no header of a token can bring another.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import orjson
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from backstory import limits
from backstory.domain import strict_json
from backstory.domain.keys import shorten
from backstory.errors import MalformedError

logger = logging.getLogger(__name__)

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_BY_CURVE: Final = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
ALGORITHMS: Final = _RSA.union(*_BY_CURVE.values())
"""What tokens may be signed with."""

_PUBLIC: Final = ("kty", "n", "e", "crv", "x", "y")
_READERS: Final[dict[str, Any]] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}
_RSA_BITS: Final = 2048  # RFC 7518 section 3.3


@dataclass(frozen=True, slots=True)
class Key:
    """One public key; `mark` is equal for equal keys."""

    kid: str | None
    algorithms: frozenset[str]
    public: Any
    mark: bytes


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys that an issuer signs with."""

    keys: tuple[Key, ...] = ()
    marks: frozenset[bytes] = field(default_factory=frozenset)

    @classmethod
    def of(cls, raw: bytes) -> KeySet:
        """The usable keys of a JWK set; others are left out with a line in the log.

        Raises:
            ValueError: it is no JWK set, or none of its keys can be used.
        """
        members = _members(raw)
        keys = tuple(key for each in members if (key := _key(each)) is not None)
        if not keys:
            raise ValueError("no key in it can check a signature")
        return cls(keys, frozenset(key.mark for key in keys))

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key that a token names; the only one for the algorithm, where it names none."""
        fit = [key for key in self.keys if algorithm in key.algorithms]
        if kid is not None:
            fit = [key for key in fit if key.kid == kid]
        return fit[0] if len(fit) == 1 else None


def _members(raw: bytes) -> list[Any]:
    try:
        found = strict_json.loads(raw, depth=8, nodes=limits.KEYS * 64)
    except MalformedError as error:
        raise ValueError(f"not a JWK set: {error.detail}") from error
    members = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(members, list) or len(members) > limits.KEYS:
        raise ValueError(f"not a JWK set: keys must be a list of at most {limits.KEYS}")
    return members


def _key(member: Any) -> Key | None:
    try:
        return key_of(member)
    except (ValueError, TypeError, KeyError, jwt.PyJWTError) as error:
        name = member.get("kid") if isinstance(member, dict) else None
        logger.warning("the key %s is left out: %s", shorten(str(name)), error)
        return None


def key_of(member: Mapping[str, Any]) -> Key:
    """One JWK that can check signatures. Members of a private key are not looked at.

    Raises:
        ValueError, TypeError, PyJWTError: the key cannot check a signature.
    """
    if member.get("use", "sig") != "sig" or "verify" not in member.get("key_ops", ["verify"]):
        raise ValueError("it is for something else than signatures")
    kid = member.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise ValueError("kid must be text")
    kty = str(member["kty"])
    fits = _RSA if kty == "RSA" else _BY_CURVE.get((kty, str(member.get("crv"))), frozenset())
    if "alg" in member:
        fits &= {member["alg"]}
    if not fits:
        raise ValueError("no algorithm of ours goes with it")
    plain = {name: member[name] for name in _PUBLIC if name in member}
    public: Any = _READERS[kty].from_jwk(plain)
    if kty == "RSA" and public.key_size < _RSA_BITS:
        raise ValueError(f"it has less than {_RSA_BITS} bits")
    mark = orjson.dumps([plain, kid, sorted(fits)], option=orjson.OPT_SORT_KEYS)
    return Key(kid, fits, public, mark)
