"""The seam through which all code makes random names.

Ids are Crockford base32 in lower case: safe in URLs, in file names and when read aloud.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Final

_TO_CROCKFORD = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz"
)
ID_BYTES: Final = 10
COMMIT_ID_BYTES = CONTEXT_ID_BYTES = ID_BYTES


class _Source:
    """Where random bytes come from, so many as are asked for; a server draws them ahead."""

    take: Callable[[int], bytes] = staticmethod(secrets.token_bytes)


SOURCE: Final = _Source()


def text(raw: bytes) -> str:
    """The text form of random bytes; five bytes give eight characters."""
    return base64.b32encode(raw).translate(_TO_CROCKFORD).rstrip(b"=").decode("ascii")


def commit_id() -> bytes:
    """80 random bits that name one commit in every store and epoch."""
    return SOURCE.take(ID_BYTES)


def context_id() -> bytes:
    """80 random bits that name one context, from its creation to after its purge."""
    return SOURCE.take(ID_BYTES)


def epoch() -> str:
    """A new name for the life of a store."""
    return text(secrets.token_bytes(5))


def upload_id() -> bytes:
    """128 random bits that hold the chunks of one upload."""
    return secrets.token_bytes(16)
