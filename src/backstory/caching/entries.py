"""How a body lies in the memory of a server that others may use, too.

    4 bytes    `BSc` and the version of this form
    12 bytes   random: together with those before it, the token
    16 bytes   checksum over the key and all that follows
    8 bytes    the tag's version
    1 byte     how long the tag's commit is
    the commit, the body

Whatever is not of this form, is damaged or was kept under another key counts as nothing. Of a
dropped entry the token is left: whoever read before the drop finds another token than his own.
"""

from __future__ import annotations

import secrets
from struct import Struct
from typing import Final

from blake3 import blake3

from backstory.domain.contexts import Tag
from backstory.ports.cache import Cached, Token

TOKEN_BYTES: Final = 16
PREFIX: Final = "backstory:c1:"
"""Before every key. Names Backstory and the form, so that another release looks elsewhere."""

_MARK: Final = b"BSc1"
_CHECKSUM_BYTES: Final = 16
_TAG: Final = Struct(">QB")
_CHECKED_FROM: Final = TOKEN_BYTES + _CHECKSUM_BYTES


def key_of(key: str) -> str:
    """The key as the server knows it.

    Raises:
        ValueError: it is none of those that `ports.cache.Cache` allows.
    """
    if not (key.isascii() and key.isalnum() and len(key) <= 64):
        raise ValueError("a key is 1 to 64 ASCII letters and digits")
    return PREFIX + key


def encoded(key: str, tag: Tag, body: bytes) -> bytes:
    """A body with its tag, under a token of its own."""
    about = _TAG.pack(tag.version, len(tag.commit)) + tag.commit
    return b"".join((dropped(), _checksum(key, about, body), about, body))


def dropped() -> bytes:
    """What stands for nothing, under a token of its own."""
    return _MARK + secrets.token_bytes(TOKEN_BYTES - len(_MARK))


def decoded(key: str, raw: bytes, tag: Tag | None, token: Token) -> Cached:
    """What was kept, if it is whole and has this tag (None for any)."""
    if len(raw) < _CHECKED_FROM + _TAG.size or not raw.startswith(_MARK):
        return Cached(token)
    version, size = _TAG.unpack_from(raw, _CHECKED_FROM)
    begin = _CHECKED_FROM + _TAG.size + size
    kept = Tag(version, raw[_CHECKED_FROM + _TAG.size : begin])
    if (tag is not None and kept != tag) or len(raw) < begin:
        return Cached(token)
    about, body = raw[_CHECKED_FROM:begin], raw[begin:]
    if raw[TOKEN_BYTES:_CHECKED_FROM] != _checksum(key, about, body):
        return Cached(token, damaged=True)
    return Cached(token, kept, body)


def _checksum(key: str, about: bytes, body: bytes) -> bytes:
    checked = blake3(key.encode() + b"\n" + about)
    checked.update(body)
    return checked.digest(_CHECKSUM_BYTES)
