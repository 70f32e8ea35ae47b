"""Keys of our own, and the tokens that are made with them.

The private keys stand in one file that only its owner can read; the public ones beside it as a
JWK set, which a server is pointed to like to that of any other issuer. The first key signs, the
others are there until the tokens made with them have ended.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from backstory import ids, limits
from backstory.clock import SECOND
from backstory.errors import ConfigError

ALGORITHM: Final = "ES256"
_TYPE: Final = "at+jwt"
_THUMBPRINT: Final = ("crv", "kty", "x", "y")  # RFC 7638 section 3.2


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says of its bearer; `seconds` is how long it holds."""

    tenant: str
    subject: str
    client: str
    audience: str
    roles: tuple[str, ...]
    scope: str | None
    seconds: int
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A token, its id (`jti`), and when it ends, in seconds."""

    token: str
    id: str
    expires_at: int


class SigningKeys:
    """The keys in a file, as private JWKs."""

    def __init__(self, path: Path, members: Iterable[dict[str, Any]]) -> None:
        self._path = path
        self._members = list(members)

    @property
    def public_path(self) -> Path:
        """The JWK set beside the file."""
        return self._path.with_name("token-jwks.json")

    @property
    def ids(self) -> list[str]:
        return [member["kid"] for member in self._members]

    @classmethod
    def open(cls, path: Path) -> SigningKeys:
        """Those in the file; a first one is made where there is none.

        Raises:
            ConfigError: the file cannot be used, or others may read it.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            keys = cls(path, _read(path) if path.exists() else ())
            if not keys.ids:
                keys.rotate()
            elif not keys.public_path.exists():
                keys._write()
        except OSError as error:
            raise ConfigError(f"the key file {path} cannot be used: {error.strerror}") from error
        return keys

    def rotate(self) -> None:
        """Sign with a new key from now on; tokens of the others go on."""
        self._members.insert(0, new_key())
        self._write()

    def retire(self, kid: str) -> None:
        """Believe nothing any more that was signed by the key.

        Raises:
            ConfigError: there is no such key, or no other.
        """
        if kid not in self.ids:
            raise ConfigError(f"there is no key {kid}; there are {', '.join(self.ids)}")
        if len(self._members) == 1:
            raise ConfigError("the last key cannot be retired; --rotate makes another first")
        self._members = [member for member in self._members if member["kid"] != kid]
        self._write()

    def issue(self, issuer: str, grant: Grant, now: int) -> Made:
        """A token for the grant; `now` in microseconds."""
        return sign(self._members[0], issuer, grant, now)

    def _write(self) -> None:
        _replace(self._path, {"keys": self._members}, 0o600)
        public = [public_part(member) for member in self._members]
        _replace(self.public_path, {"keys": public}, 0o644)


def sign(key: Mapping[str, Any], issuer: str, grant: Grant, now: int) -> Made:
    """A token for the grant, by a private JWK; `now` in microseconds."""
    begins = now // SECOND
    made_id = ids.text(ids.commit_id())
    said: dict[str, Any] = {
        "iss": issuer,
        "sub": grant.subject,
        "aud": grant.audience,
        "iat": begins,
        "exp": begins + min(grant.seconds, limits.TOKEN_LIFE_SECONDS),
        "jti": made_id,
        "client_id": grant.client,
        "tenant": grant.tenant,
        "roles": list(grant.roles),
    }
    if grant.groups:
        said["groups"] = list(grant.groups)
    if grant.scope is not None:
        said["scope"] = grant.scope
    private: Any = ECAlgorithm.from_jwk(dict(key))
    token = jwt.encode(said, private, ALGORITHM, headers={"typ": _TYPE, "kid": key["kid"]})
    return Made(token, made_id, said["exp"])


def public_part(key: Mapping[str, Any]) -> dict[str, Any]:
    """What of a private JWK everyone may know."""
    return {name: value for name, value in key.items() if name != "d"}


def new_key() -> dict[str, Any]:
    """A private JWK; its id is made of what it is."""
    private = ec.generate_private_key(ec.SECP256R1())
    member: dict[str, Any] = ECAlgorithm.to_jwk(private, as_dict=True)
    named = orjson.dumps({name: member[name] for name in _THUMBPRINT})
    kid = hashlib.sha256(named).hexdigest()[:16]
    return {**member, "kid": kid, "use": "sig", "alg": ALGORITHM}


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise ConfigError(f"others may read the key file {path}; run chmod 600 on it")
        raw = file.read(limits.KEYS_BYTES)
    try:
        members: list[dict[str, Any]] = orjson.loads(raw)["keys"]
        for member in members:
            member["kid"] = str(member["kid"])
            ECAlgorithm.from_jwk(member)
    except (ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise ConfigError(f"there are no keys of ours in {path}") from error
    return members


def _replace(path: Path, value: object, mode: int) -> None:
    """Put a file in place as a whole, so that nobody ever reads half of it."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(file, "wb") as out:
        out.write(orjson.dumps(value, option=orjson.OPT_INDENT_2))
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)
