"""What a context may hold."""

from __future__ import annotations

from typing import Final

from backstory.domain.keys import shorten
from backstory.errors import UnknownKindError, Violation

CONVERSATION: Final = "conversation"
PREFERENCES: Final = "preferences"
SESSION: Final = "session"
DOCUMENT: Final = "document"
PROMPT: Final = "prompt"

BUILT_IN: Final = frozenset({CONVERSATION, PREFERENCES, SESSION, DOCUMENT, PROMPT})


def check_kind(kind: str) -> str:
    """The kind itself.

    Raises:
        UnknownKindError: no kind of that name is known; the detail lists those that are.
    """
    if kind in BUILT_IN:
        return kind
    detail = f"unknown kind {shorten(kind)}; known are {', '.join(sorted(BUILT_IN))}"
    raise UnknownKindError(detail, errors=(Violation("/kind", detail),))
