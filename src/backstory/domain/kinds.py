"""What a context may hold: a kind that is built in, registered, or brought by an extension.

What a registered kind demands is the state of a context, `_system.kinds/<kind>`. It counts
for its tenant before what an extension says of a kind of that name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from backstory import limits
from backstory.domain.keys import ContextKey, shorten
from backstory.errors import UnknownKindError, Violation

CONVERSATION: Final = "conversation"
PREFERENCES: Final = "preferences"
SESSION: Final = "session"
DOCUMENT: Final = "document"
PROMPT: Final = "prompt"

BUILT_IN: Final = frozenset({CONVERSATION, PREFERENCES, SESSION, DOCUMENT, PROMPT})


KIND: Final = "kind"
"""The kind of the contexts that say what kinds demand; nobody writes one but by registering."""

ACCESS_ROLE: Final = "access-role"
ACCESS_BINDING: Final = "access-binding"
"""Those that say who may do what; written by `PUT /v1/roles/...` and `/v1/bindings/...` alone."""

NAMESPACE: Final = "_system.kinds"
TENANT_QUOTA: Final = "tenant-quota"
"""What a tenant may keep; written by operators with `backstory quota` alone."""

OWN: Final = frozenset({KIND, ACCESS_ROLE, ACCESS_BINDING, TENANT_QUOTA})
"""Kinds of the server's own contexts, which nobody registers."""

_NAME: Final = re.compile(rf"[a-z][a-z0-9_-]{{0,{limits.KIND_BYTES - 1}}}\Z")


@dataclass(frozen=True, slots=True)
class Packaged:
    """A kind that an extension brings; tenants know it without having registered it.

    `state` is what the kind's context would hold; `package_version` is the package's own.
    """

    state: bytes
    package: str
    package_version: str


def check_kind(kind: str) -> str:
    """The kind itself; whether it is registered is for the store to say.

    Raises:
        UnknownKindError: it is no name that a kind may have.
    """
    if _NAME.match(kind):
        return kind
    detail = (
        f"{shorten(kind)} cannot name a kind: a letter of [a-z], then [a-z0-9_-], "
        f"at most {limits.KIND_BYTES} bytes"
    )
    raise UnknownKindError(detail, errors=(Violation("/kind", detail),))


@lru_cache(maxsize=limits.KEYS_CHECKED)
def context_of(kind: str) -> ContextKey:
    """The context that holds what a kind demands.

    Raises:
        UnknownKindError: as `check_kind`.
    """
    return ContextKey(NAMESPACE, check_kind(kind))


def is_kind(key: ContextKey) -> bool:
    """Whether the context says what a kind demands."""
    return key.namespace == NAMESPACE


def unknown(kind: str, pointer: str = "/kind") -> UnknownKindError:
    """The error for a kind that nobody knows."""
    detail = (
        f"unknown kind {shorten(kind)}; built in are {', '.join(sorted(BUILT_IN))}, "
        f"others are in {NAMESPACE}"
    )
    return UnknownKindError(detail, errors=(Violation(pointer, detail),))
