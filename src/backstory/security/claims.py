"""From the claims of a token that was verified to the principal it speaks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from backstory import limits
from backstory.clock import SECOND
from backstory.domain.principals import Principal, Trust
from backstory.errors import TokenRefusedError

Profile = Literal["rfc9068", "oidc"]

REQUIRED: Final[dict[Profile, tuple[str, ...]]] = {
    "rfc9068": ("iss", "sub", "aud", "exp", "iat", "jti", "client_id"),
    "oidc": ("iss", "sub", "aud", "exp", "iat"),
}


_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # of SHA-256, in base64url


@dataclass(frozen=True, slots=True)
class Reading:
    """How claims are read: which of them name tenant and roles, and who is an operator.

    A claim is named as it stands, or by a JSON Pointer (`/realm_access/roles`).
    """

    profile: Profile = "rfc9068"
    tenant: str = "tenant"
    roles: str = "roles"
    groups: str = "groups"
    operators: frozenset[str] = frozenset()


def token_name(issuer: str, jti: str) -> str:
    """The name under which a token can be revoked."""
    return hashlib.sha256(f"{issuer}\n{jti}".encode()).hexdigest()[:32]


def principal_of(claims: Mapping[str, Any], reading: Reading, now: float) -> Principal:
    """Who the token speaks for; `now` in seconds.

    Raises:
        TokenRefusedError: there is no tenant, no subject, or something else than it has to be.
    """
    tenant = _text(claims, reading.tenant, limits.TENANT_BYTES)
    subject = _text(claims, "sub", limits.SUBJECT_BYTES)
    client = _client(claims, reading.profile)
    operator = f"{tenant}/{subject}" in reading.operators
    machine = client == subject
    trust = Trust.OPERATOR if operator else Trust.AGENT if machine else Trust.USER
    jti = claims.get("jti")
    return Principal(
        tenant,
        subject,
        _texts(_find(claims, reading.roles), "roles"),
        trust,
        scopes=_scopes(claims),
        client=client,
        operator=operator,
        expires_at=_end(claims["exp"], now),
        token=token_name(claims["iss"], jti) if isinstance(jti, str) else None,
        groups=_groups(_find(claims, reading.groups)),
        bound_to=_binding(claims.get("cnf")),
    )


def _end(exp: float, now: float) -> int:
    """When what the token began has to end; one within the leeway already gets the leeway."""
    end = exp if exp > now else exp + limits.TOKEN_LEEWAY_SECONDS
    return int(end * SECOND)


def _find(claims: Mapping[str, Any], name: str) -> Any:
    if not name.startswith("/"):
        return claims.get(name)
    found: Any = claims
    for step in name[1:].split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(step.replace("~1", "/").replace("~0", "~"))
    return found


def _text(claims: Mapping[str, Any], name: str, most: int) -> str:
    value = _find(claims, name)
    if not isinstance(value, str) or not value or len(value.encode()) > most:
        raise TokenRefusedError(f"the claim {name} is no text of 1 to {most} bytes")
    if not value.isprintable():
        raise TokenRefusedError(f"the claim {name} has characters that cannot be shown")
    return value


def _client(claims: Mapping[str, Any], profile: Profile) -> str | None:
    name = "azp" if profile == "oidc" and "client_id" not in claims else "client_id"
    return None if claims.get(name) is None else _text(claims, name, limits.SUBJECT_BYTES)


def _groups(found: Any) -> frozenset[str]:
    groups = _texts(found, "groups")
    if len(groups) > limits.GROUPS:
        raise TokenRefusedError(f"the token names more than {limits.GROUPS} groups (GROUPS)")
    return groups


def _texts(found: Any, what: str) -> frozenset[str]:
    if found is None:
        return frozenset()
    if isinstance(found, str):
        return frozenset({found})
    if isinstance(found, list) and all(isinstance(role, str) for role in found):
        return frozenset(found)
    raise TokenRefusedError(f"the claim of {what} is no list of texts")


def _binding(confirmed: Any) -> str | None:
    """The key that a token is bound to (RFC 9449 section 6.1)."""
    if confirmed is None:
        return None
    if not isinstance(confirmed, Mapping):
        raise TokenRefusedError("the claim cnf is no object")
    thumbprint = confirmed.get("jkt")
    if thumbprint is None:  # bound by other means, which are not ours to check
        return None
    if not isinstance(thumbprint, str) or not _THUMBPRINT.fullmatch(thumbprint):
        raise TokenRefusedError("the thumbprint in the claim cnf is none")
    return thumbprint


def _scopes(claims: Mapping[str, Any]) -> frozenset[str] | None:
    if "scope" not in claims:
        return None
    if not isinstance(claims["scope"], str):
        raise TokenRefusedError("the claim scope is no text")
    return frozenset(claims["scope"].split(" ")) - {""}
