"""Whose data it is: the namespaces of a user or a client are a subject's, the rest the tenant's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backstory.domain.keys import NamespacePattern, check_namespace
from backstory.domain.principals import SYSTEM, Author, Trust, segment_of
from backstory.errors import InvalidKeyError

USERS: Final = "users"
FAMILIES: Final = (USERS, "clients")
TENANT: Final = ""
"""Stands for what belongs to no subject."""


def subject_of(namespace: str) -> str:
    """The first two segments, such as `users.42`; `TENANT` for namespaces of nobody."""
    family, _, rest = namespace.partition(".")
    if family not in FAMILIES or not rest:
        return TENANT
    return f"{family}.{rest.partition('.')[0]}"


def subject(text: str) -> str:
    """A subject's namespace itself.

    Raises:
        InvalidKeyError: it is that of no subject.
    """
    namespace = check_namespace(text)
    if subject_of(namespace) != namespace:
        raise InvalidKeyError(
            f"{namespace} is no subject's namespace; that is users.ID or clients.ID"
        )
    return namespace


def everything_of(subject: str) -> NamespacePattern:
    """The subject's namespace and those below it."""
    return NamespacePattern(subject, below=True)


def wrote(subject: str, author: Author) -> bool:
    """Whether an author is the subject. An operator's name may be that of a user or a client."""
    family, _, segment = subject.partition(".")
    other = Trust.AGENT if family == USERS else Trust.USER
    if author.trust == other or author == SYSTEM:
        return False
    return segment_of(author.subject) == segment


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased of a subject, in numbers. Times are microseconds since the Unix epoch.

    `number` is its place in the list of all erasures of a store, `ended_at` None while it goes
    on. `entries` counts those in contexts of others too, `forks` the contexts of others that
    had taken something over, `bindings` what bound roles to it, `accounts` its account or client
    of the authorization server, and `grants` what had come from that: consents, codes, tokens.
    """

    number: int
    tenant: str
    subject: str
    begun_at: int
    ended_at: int | None = None
    contexts: int = 0
    entries: int = 0
    forks: int = 0
    keys: int = 0
    bindings: int = 0
    accounts: int = 0
    grants: int = 0
