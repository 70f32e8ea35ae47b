"""Rows under their subject's key.

A sealed row is the number of the key, a random nonce of 96 bits and what AES-256-GCM makes of the
text. The purpose, the tenant, the context and the row are bound to it, so that no row can take
another's place, and nonces are drawn for keys of single contexts (`Ring.subkey`).
"""

from __future__ import annotations

import base64
import os
from enum import IntEnum
from hashlib import blake2b
from struct import Struct

from blake3 import blake3
from cryptography.exceptions import InvalidTag

from backstory import limits
from backstory.domain.subjects import subject_of
from backstory.encryption.ring import Key, Ring
from backstory.errors import StoreCorruptError

_NUMBER = 4
_NONCE = 12
_HEAD = _NUMBER + _NONCE
OVERHEAD = _HEAD + 16
"""Bytes that a sealed row is longer than its text."""
_PLACE = Struct(">BIQQ")


class Purpose(IntEnum):
    """Which column of which table. The numbers are bound to what is stored and never change."""

    STATE = 1
    DOCUMENT = 2
    CONTENT = 3
    METADATA = 4
    ENTRY_ID = 5
    CHUNK = 6
    PAGE = 7
    REFERENCE = 8


At = tuple[Purpose, int, int, int]
"""Where a row belongs: purpose, tenant, place (a context's number, a manifest's, or that of a scope)
and what tells the rows of the place apart."""


class Cipher:
    """Seals and opens the rows of one store."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self._index_keys: dict[int, bytes] = {}
        self._words: dict[tuple[int, str], str] = {}

    def key(self, tenant: str, namespace: str) -> Key:
        """The key that writes what is in a namespace."""
        return self.ring.current(tenant, subject_of(namespace))

    def seal(self, key: Key, at: At, plain: bytes) -> bytes:
        """What only `open` at the same place reads."""
        nonce = os.urandom(_NONCE)
        sealing = self.ring.subkey(key.number, *at[:3])
        return (
            key.number.to_bytes(_NUMBER) + nonce + sealing.encrypt(nonce, plain, _PLACE.pack(*at))
        )

    def open(self, at: At, sealed: bytes) -> bytes:
        """The text.

        Raises:
            GoneError: its key is destroyed.
            StoreCorruptError: it was changed, or does not belong here.
        """
        sealing = self.ring.subkey(number_of(sealed), *at[:3])
        try:
            return sealing.decrypt(sealed[_NUMBER:_HEAD], sealed[_HEAD:], _PLACE.pack(*at))
        except (InvalidTag, ValueError) as error:
            raise StoreCorruptError(
                "an encrypted row was changed, or stands where it does not belong; restore a backup"
            ) from error

    def scope(self, sealed: bytes) -> int:
        """The scope of the key that sealed it."""
        return self.ring.key(number_of(sealed)).scope

    # -- names that must be found again --------------------------------------------------

    def word(self, tenant: int, word: str) -> str:
        """What stands for a word in the index: a keyed hash of 64 bits, in letters and digits."""
        known = self._words.get((tenant, word))
        if known is not None:
            return known
        digest = blake2b(word.encode(), key=self._index_key(tenant), digest_size=8).digest()
        hashed = base64.b32encode(digest)[:13].decode("ascii").lower()
        if len(self._words) >= limits.WORDS_KNOWN:
            self._words.clear()
        self._words[tenant, word] = hashed
        return hashed

    def name(self, tenant: int, scope: int, purpose: bytes, text: bytes) -> bytes:
        """A keyed hash of 32 bytes that is the same only within a scope."""
        about = purpose + scope.to_bytes(8) + text
        return blake3(about, key=self._index_key(tenant)).digest()

    def _index_key(self, tenant: int) -> bytes:
        known = self._index_keys.get(tenant)
        if known is None:
            known = self._index_keys[tenant] = self.ring.index_key(tenant)
        return known


def number_of(sealed: bytes) -> int:
    """The number of the key that sealed it."""
    return int.from_bytes(sealed[:_NUMBER])
