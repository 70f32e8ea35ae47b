"""Who calls, and what follows for what they write."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from msgspec import Struct

from backstory import limits
from backstory.domain.permissions import Rights

DEFAULT_TENANT = "default"


class Trust(IntEnum):
    """How far the writer of an entry or version may be believed. Set by the server only.

    The numbers are stored and never change.
    """

    OPERATOR = 0
    USER = 1
    AGENT = 2
    TOOL = 3
    IMPORT = 4

    word: str

    def __init__(self, number: int) -> None:
        del number
        self.word = self.name.lower()


class Author(Struct, frozen=True):
    """Who wrote an entry or a version, as it is shown later."""

    subject: str
    trust: Trust


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request.

    `roles` and `scopes` come from the token; `scopes` is None where the token has none, and
    then only the roles count. `groups` come from it, too, for what the store binds to them. An
    `operator` may what concerns all tenants. `expires_at` is when the token ends, in
    microseconds, None where nothing ends; `token` names it where tokens can be revoked;
    `bound_to` is the thumbprint of the key that only its rightful bearer has.
    `rights` are worked out of all that, and of what the store says (`policy.with_rights`);
    where there are none, roles and scopes count alone.
    """

    tenant: str
    subject: str
    roles: frozenset[str]
    trust: Trust = Trust.USER
    scopes: frozenset[str] | None = None
    client: str | None = None
    operator: bool = False
    expires_at: int | None = None
    token: str | None = None
    bound_to: str | None = None
    groups: frozenset[str] = frozenset()
    rights: Rights | None = field(default=None, compare=False)

    @property
    def machine(self) -> bool:
        """Whether a client calls for itself and for no user (RFC 9068 section 2.2)."""
        return self.client is not None and self.client == self.subject

    @property
    def caller(self) -> tuple[str, str, str]:
        """Tenant, subject and client: who is bounded together in what they may do at a time."""
        return self.tenant, self.subject, self.client or ""

    @property
    def author(self) -> Author:
        return Author(self.subject, self.trust)


LOCAL_ADMIN = Principal(
    DEFAULT_TENANT, "local", frozenset({"admin"}), Trust.OPERATOR, operator=True
)
"""Everybody, where no authentication is configured (see Local mode in the reference)."""

LOCAL_IMPORT = Principal(DEFAULT_TENANT, "import", frozenset({"admin"}), Trust.IMPORT)
"""The command line bringing in conversations from elsewhere."""

ANONYMOUS = Principal("", "", frozenset())
"""Whoever asks for what needs no token; may nothing in any tenant."""

SYSTEM = Author("system", Trust.OPERATOR)
"""The server itself, where it lets contexts expire."""

_ESCAPED: Final = re.compile(rb"[^a-z0-9-]")
_ESCAPE: Final = re.compile(rb"_([0-9a-f]{2})")


def segment_of(name: str) -> str:
    """A subject or client as one segment of a namespace: `users.{sub}`.

    The bytes `[a-z0-9-]` stay, any other becomes `_` and two hex digits; where that has more
    than `limits.SUBJECT_SEGMENT_BYTES`, it is `_h` and the SHA-256 instead. So no two names
    are ever one segment.
    """
    raw = name.encode()
    segment = _ESCAPED.sub(lambda found: b"_%02x" % found[0][0], raw).decode("ascii")
    if len(segment) > limits.SUBJECT_SEGMENT_BYTES:
        return f"_h{hashlib.sha256(raw).hexdigest()}"
    return segment


def name_of(segment: str) -> str | None:
    """The subject or client whose segment it is; None where that does not tell."""
    raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), segment.encode())
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return None
    return name if segment_of(name) == segment else None
