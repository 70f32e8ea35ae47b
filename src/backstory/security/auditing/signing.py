"""The key that signs a store's trails (Ed25519, RFC 8032), made of the store's secret."""

from __future__ import annotations

from hashlib import blake2b

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES = 64


class Signer:
    """Signs heads and checkpoints."""

    def __init__(self, secret: bytes) -> None:
        seed = blake2b(key=secret, digest_size=32, person=b"backstory.audit").digest()
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw().hex()
        self.signed = Witness(self.public).signed

    def sign(self, what: bytes) -> bytes:
        return self._key.sign(what)


class Witness:
    """Knows the public key only."""

    def __init__(self, public: str) -> None:
        """Raises ValueError: it is no key."""
        self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))

    def signed(self, what: bytes, signature: bytes) -> bool:
        """Whether it was signed with the key."""
        try:
            self._key.verify(signature, what)
        except InvalidSignature:
            return False
        return True


def packed(checkpoint: bytes, signature: bytes) -> bytes:
    """A checkpoint as a store keeps it."""
    return signature + checkpoint


def unpacked(kept: bytes | None) -> tuple[bytes | None, bytes]:
    """The checkpoint and its signature; None where there is none."""
    if kept is None:
        return None, b""
    return kept[SIGNATURE_BYTES:], kept[:SIGNATURE_BYTES]
