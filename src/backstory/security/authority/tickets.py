"""Random texts that are shown once and known again by their hash."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

_BYTES: Final = 32


def fresh() -> str:
    """256 random bits as text; nobody guesses it, so that its hash needs no salt nor time."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()
