"""Who calls, and what follows for what they write."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

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

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote an entry or a version, as it is shown later."""

    subject: str
    trust: Trust


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request.

    `roles` and `scopes` come from the token; `scopes` is None where the token has none, and
    then only the roles count.
    """

    tenant: str
    subject: str
    roles: frozenset[str]
    trust: Trust = Trust.USER
    scopes: frozenset[str] | None = None
    client: str | None = None

    @property
    def author(self) -> Author:
        return Author(self.subject, self.trust)


LOCAL_ADMIN = Principal(DEFAULT_TENANT, "local", frozenset({"admin"}), Trust.OPERATOR)
"""Everybody, where no authentication is configured (see Local mode in the reference)."""

LOCAL_IMPORT = Principal(DEFAULT_TENANT, "import", frozenset({"admin"}), Trust.IMPORT)
"""The command line bringing in conversations from elsewhere."""

SYSTEM = Author("system", Trust.OPERATOR)
"""The server itself, where it lets contexts expire."""
