"""What the authorization server keeps, as JSON in notes. Times are in microseconds.

Secrets are not among it: passwords stand as argon2id, everything else that a caller may show
(client secrets, codes, refresh tokens, cookies) is random and stands as its SHA-256.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

FOREVER: Final = 2**62
"""The end of a note that has none."""


class Account(Struct, frozen=True):
    """Somebody who may sign in. `id` is random and never given again.

    What was begun before `changed_at` (of password or state) has ended.
    """

    id: str
    name: str
    tenant: str
    roles: tuple[str, ...]
    password: str
    created_at: int
    changed_at: int
    disabled: bool = False
    groups: tuple[str, ...] = ()


class Client(Struct, frozen=True):
    """An application. One without redirect URIs is a machine, which asks for itself.

    `secret` is None for an application that could not keep one.
    """

    id: str
    name: str
    redirects: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    secret: str | None = None
    tenant: str = ""
    roles: tuple[str, ...] = ()
    created_at: int = 0
    groups: tuple[str, ...] = ()

    @property
    def machine(self) -> bool:
        return not self.redirects


class Issued(Struct, frozen=True):
    """One access token: the name by which it can be revoked, when it ends, and when it began."""

    name: str
    until: int
    begun_at: int = 0


class Family(Struct, frozen=True):
    """All that came from one consent: the present refresh token, and tokens that have not ended.

    `refresh` is the hash of the one refresh token that is good, None where the client has none.
    """

    client: Client
    account: str
    scope: str
    audience: str
    begun_at: int
    refresh: str | None = None
    issued: tuple[Issued, ...] = ()
    ended: bool = False


class Code(Struct, frozen=True):
    """An authorization code that was handed out; `family` is what it was changed into."""

    client: Client
    account: str
    redirect: str
    scope: str
    audience: str
    challenge: str
    asked_at: int
    until: int
    family: str | None = None


class Session(Struct, frozen=True):
    """A browser in which somebody has signed in."""

    account: str
    begun_at: int


class SigningKey(Struct, frozen=True):
    """A private JWK; it signs from `signs_from` on, and is believed until `until`."""

    kid: str
    jwk: dict[str, Any]
    made_at: int
    signs_from: int
    until: int = FOREVER


class Ring(Struct, frozen=True):
    """All signing keys, the newest first."""

    keys: tuple[SigningKey, ...] = ()


class Tries(Struct, frozen=True):
    """Wrong passwords since the first of them, and when they are forgotten."""

    count: int
    until: int
