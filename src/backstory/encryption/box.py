"""Sealing what belongs to no subject, any number of times under one key.

A random nonce of 96 bits may be drawn some 2^32 times for one key (NIST SP 800-38D, 8.3), which a
cache does in a few days. So 16 random bytes more choose a key of their own for each message, as
in XAES-256-GCM (https://c2sp.org/XAES-256-GCM), here by HMAC-SHA256.
"""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SALT, _NONCE = 16, 12
OVERHEAD = _SALT + _NONCE + 16
"""Bytes that a sealed text is longer."""


def derived(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose; one step of HKDF-Expand (RFC 5869)."""
    return hmac.digest(secret, purpose.encode() + b"\x01", "sha256")


class Box:
    """Seals for one purpose."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._secret = derived(secret, f"backstory 2026 {purpose}")

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """Only `open` with the same `about` reads it."""
        drawn = os.urandom(_SALT + _NONCE)
        return drawn + self._key(drawn).encrypt(drawn[_SALT:], plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """The text; None where it was sealed by another key, elsewhere, or was changed."""
        drawn = sealed[: _SALT + _NONCE]
        try:
            return self._key(drawn).decrypt(drawn[_SALT:], sealed[_SALT + _NONCE :], about)
        except (InvalidTag, ValueError):
            return None

    def _key(self, drawn: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._secret, drawn[:_SALT], "sha256"))
