"""Tokens that the server hands out and recognises: cursors and session ids.

A sealed token is bound to its purpose, a tenant and a subject by a keyed hash. It is no
right and no secret: whoever holds it still needs the right to what it points to.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

import orjson
from blake3 import blake3

from backstory.errors import InvalidCursorError

_MAC_BYTES = 12
_CHUNKS = "backstory 2026 names of chunks"


class Seal:
    """Makes and opens tokens of `[A-Za-z0-9_-]`, with one secret of 32 bytes for a store."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._chunks = blake3(secret, derive_key_context=_CHUNKS).digest()

    def close(self, purpose: str, tenant: str, subject: str, payload: Any) -> str:
        """A token that holds the payload (anything that JSON can)."""
        raw = orjson.dumps(payload)
        return (
            base64.urlsafe_b64encode(self._mac(purpose, tenant, subject, raw) + raw)
            .rstrip(b"=")
            .decode("ascii")
        )

    def open(self, purpose: str, tenant: str, subject: str, token: str) -> Any:
        """The payload.

        Raises:
            InvalidCursorError: not a token of this store, purpose, tenant and subject.
        """
        try:
            padded = token.encode("ascii") + b"=" * (-len(token) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError, ValueError):
            sealed = b""
        mac, raw = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not raw or not compare_digest(mac, self._mac(purpose, tenant, subject, raw)):
            raise InvalidCursorError(
                f"this {purpose} was not handed out to you by this store; begin without it"
            )
        return orjson.loads(raw)

    def open_members(
        self, purpose: str, tenant: str, subject: str, token: str, count: int
    ) -> list[Any]:
        """The first members of a payload that is a list; a later release may have added others.

        Raises:
            InvalidCursorError: as `open`; or it has fewer.
        """
        payload = self.open(purpose, tenant, subject, token)
        if not isinstance(payload, list) or len(payload) < count:
            raise InvalidCursorError(
                f"this {purpose} is of a release that this one does not know; begin without it"
            )
        return payload[:count]

    def _mac(self, purpose: str, tenant: str, subject: str, raw: bytes) -> bytes:
        digest = blake2b(key=self._secret, digest_size=_MAC_BYTES, person=b"backstory.seal")
        for part in (purpose, tenant, subject):
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        digest.update(raw)
        return digest.digest()

    def hash(self, purpose: str, *parts: bytes) -> bytes:
        """A keyed hash of 16 bytes, for names that must be recognised but not kept."""
        digest = blake2b(key=self._secret, digest_size=16, person=b"backstory.hash")
        for part in (purpose.encode(), *parts):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def chunk_name(self, tenant: str, chunk: bytes) -> bytes:
        """The name under which a store keeps a chunk: its hash, keyed for the tenant.

        So tenants cannot even share a chunk by accident, and once it is erased nothing is left
        by which a guess at its bytes could be confirmed.
        """
        key = blake3(tenant.encode(), key=self._chunks).digest()
        return blake3(chunk, key=key).digest()
