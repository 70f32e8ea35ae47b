"""Which scopes are given: those that are known, of those that were asked for."""

from __future__ import annotations

from typing import Final

from backstory.domain.keys import NamespacePattern
from backstory.domain.policy import SCOPES
from backstory.errors import InvalidKeyError

FIRST: Final = ("context:read", "context:write")
"""Given to an application that asks for nothing in particular."""


def known(asked: str) -> str | None:
    """Those that grant anything here, each once; None where none does."""
    found = [scope for scope in dict.fromkeys(asked.split()) if _is_known(scope)]
    return " ".join(found) or None


def _is_known(scope: str) -> bool:
    parts = scope.split(":", 2)
    if ":".join(parts[:2]) not in SCOPES:
        return False
    if len(parts) == 2:
        return True
    try:
        NamespacePattern.parse(parts[2])
    except InvalidKeyError:
        return False
    return True
