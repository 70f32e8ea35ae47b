"""The seam through which all code makes random names.

Ids are Crockford base32 in lower case: safe in URLs, in file names and when read aloud.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections import deque
from typing import Final

_TO_CROCKFORD = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz"
)
COMMIT_ID_BYTES = CONTEXT_ID_BYTES = 10

_AT_ONCE: Final = 256
_waiting: Final[deque[bytes]] = deque()
"""Names that nobody has yet. Asking the system for each would hand the interpreter to another
thread in the middle of a request; who takes one, takes it alone."""
os.register_at_fork(after_in_child=_waiting.clear)


def text(raw: bytes) -> str:
    """The text form of random bytes; five bytes give eight characters."""
    return base64.b32encode(raw).translate(_TO_CROCKFORD).rstrip(b"=").decode("ascii")


def commit_id() -> bytes:
    """80 random bits that name one commit in every store and epoch."""
    return _ten()


def context_id() -> bytes:
    """80 random bits that name one context, from its creation to after its purge."""
    return _ten()


def epoch() -> str:
    """A new name for the life of a store."""
    return text(secrets.token_bytes(5))


def upload_id() -> bytes:
    """128 random bits that hold the chunks of one upload."""
    return secrets.token_bytes(16)


def _ten() -> bytes:
    while True:
        try:
            return _waiting.popleft()
        except IndexError:
            raw = secrets.token_bytes(_AT_ONCE * 10)
            _waiting.extend(raw[at : at + 10] for at in range(0, len(raw), 10))
