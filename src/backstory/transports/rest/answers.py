"""What answers say beside their bodies."""

from __future__ import annotations

from typing import Any, Final

import orjson

CACHING: Final = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Accept-Encoding"),
)
"""What each answer that shows stored things says: ask again, and again for each caller."""
SAFE: Final = (
    (b"content-disposition", b"attachment"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What keeps a browser from taking stored bytes for a page of ours."""
STALE: Final = b"backstory-stale"
"""Says how many seconds ago at the most what is answered was known to be true."""
NO_STORE: Final = ((b"cache-control", b"no-store"),)


def encode(view: Any) -> bytes:
    """JSON of a view; parts that are JSON already pass through."""
    return orjson.dumps(view)
