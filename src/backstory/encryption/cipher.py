"""Rows under their subject's key.

A sealed row is the number of the key, a random nonce of 96 bits and what AES-256-GCM makes of the
text. The purpose, the tenant, the context and the row are bound to it, so that no row can take
another's place, and nonces are drawn for keys of single contexts (`Ring.subkey`).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from enum import IntEnum
from hashlib import blake2b
from struct import Struct

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backstory import limits
from backstory.domain.subjects import subject_of
from backstory.encryption.ring import Key, Ring
from backstory.errors import StoreCorruptError

_NUMBER = 4
_NONCE = 12
_HEAD = _NUMBER + _NONCE
OVERHEAD = _HEAD + 16
"""Bytes that a sealed row is longer than its text."""
_pack = Struct(">BIQQ").pack
_MOVED = "an encrypted row was changed, or stands where it does not belong; restore a backup"


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


_CONTENT = int(Purpose.CONTENT)

At = tuple[Purpose, int, int, int]
"""Where a row belongs: purpose, tenant, place (a context's number, a manifest's, or that of a scope)
and what tells the rows of the place apart."""


class Cipher:
    """Seals and opens the rows of one store."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self._index_keys: dict[int, bytes] = {}
        self._words: dict[int, dict[str, str]] = {}

    def key(self, tenant: str, namespace: str) -> Key:
        """The key that writes what is in a namespace."""
        return self.ring.current(tenant, subject_of(namespace))

    def seal(self, key: Key, at: At, plain: bytes, mark: bytes = b"") -> bytes:
        """What only `open` at the same place reads, behind a mark that is not part of it."""
        nonce = os.urandom(_NONCE)
        sealing = self._sealing(key.head, *at[:3])
        return b"".join((mark, key.head, nonce, sealing.encrypt(nonce, plain, _pack(*at))))

    def open(self, at: At, sealed: bytes) -> bytes:
        """The text.

        Raises:
            GoneError: its key is destroyed.
            StoreCorruptError: it was changed, or does not belong here.
        """
        sealing = self._sealing(sealed[:_NUMBER], *at[:3])
        try:
            return sealing.decrypt(sealed[_NUMBER:_HEAD], sealed[_HEAD:], _pack(*at))
        except (InvalidTag, ValueError) as error:
            raise StoreCorruptError(_MOVED) from error

    def open_content(self, tenant: int, log: int, seq: int, stored: bytes) -> bytes:
        """`open` for the content of an entry behind its mark, by which pages are read."""
        sealing = self._sealing(stored[1 : _NUMBER + 1], Purpose.CONTENT, tenant, log)
        try:
            return sealing.decrypt(
                stored[_NUMBER + 1 : _HEAD + 1],
                stored[_HEAD + 1 :],
                _pack(_CONTENT, tenant, log, seq),
            )
        except (InvalidTag, ValueError) as error:
            raise StoreCorruptError(_MOVED) from error

    def _sealing(self, head: bytes, purpose: Purpose, tenant: int, place: int) -> AESGCM:
        asked = (head, purpose, tenant, place)
        known = self.ring.made.get(asked)
        if known is None:
            known = self.ring.subkey(asked)
        return known

    def scope(self, sealed: bytes) -> int:
        """The scope of the key that sealed it."""
        return self.ring.key(number_of(sealed)).scope

    # -- names that must be found again --------------------------------------------------

    def words(self, tenant: int, words: Iterable[str]) -> list[str]:
        """What stands for words in the index: keyed hashes of 64 bits, in letters and digits."""
        known = self._words.setdefault(tenant, {})
        return [known.get(word) or self._learn(tenant, known, word) for word in words]

    def _learn(self, tenant: int, known: dict[str, str], word: str) -> str:
        digest = blake2b(word.encode(), key=self._index_key(tenant), digest_size=8).digest()
        hashed = base64.b32encode(digest)[:13].decode("ascii").lower()
        if len(known) >= limits.WORDS_KNOWN:
            known.clear()
        if len(self._words) > limits.WORD_TENANTS:
            self._words.clear()
        known[word] = hashed
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
