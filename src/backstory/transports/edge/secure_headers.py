"""What every answer tells browsers, whatever it is: pages say more precisely what they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

Header = tuple[bytes, bytes]

SECURE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NAMES: Final = frozenset(name for name, _ in SECURE)


def lacking(headers: Iterable[Header]) -> Sequence[Header]:
    """Those of these that an answer with such headers has not: mostly all of them."""
    there = {name for name, _ in headers}
    if _NAMES.isdisjoint(there):
        return SECURE
    return [header for header in SECURE if header[0] not in there]
