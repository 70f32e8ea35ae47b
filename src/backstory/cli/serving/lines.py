"""Lines of the heads of answers. Those that nearly every answer has are put together once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE

Header = tuple[bytes, bytes]

_MOST: Final = 256
_OFTEN_THE_SAME: Final = frozenset(
    {
        b"cache-control",
        b"content-security-policy",
        b"content-type",
        b"cross-origin-resource-policy",
        b"referrer-policy",
        b"strict-transport-security",
        b"vary",
        b"x-content-type-options",
    }
)

KNOWN: Final[dict[Header, bytes]] = {}
"""Lines that were put together already."""
_NAMES: Final[set[bytes]] = set()
"""Which are names, in lower case; as few as there are lines at most."""


def line(name: bytes, value: bytes) -> bytes:
    """One field of the head, with its end, that is not `KNOWN` yet.

    Raises:
        RuntimeError: it would be more than one (RFC 9110 section 5.5).
    """
    key = lower(name)
    if not value.isdigit() and HEADER_VALUE_RE.search(value):
        raise RuntimeError(f"the header {name!r} has a value that is none")
    made = b"%b: %b\r\n" % (key, value)
    if key in _OFTEN_THE_SAME and len(KNOWN) < _MOST:
        KNOWN[name, value] = made
    return made


def lines(headers: Iterable[Header]) -> bytes:
    """All of them, one behind the other.

    Raises:
        RuntimeError: as `line`.
    """
    return b"".join([KNOWN.get(each) or line(*each) for each in headers])


def lower(name: bytes) -> bytes:
    """The name as it is sent.

    Raises:
        RuntimeError: it is none.
    """
    if name in _NAMES:
        return name
    if HEADER_RE.search(name):
        raise RuntimeError(f"{name!r} is no name of a header")
    key = name.lower()
    if len(_NAMES) < _MOST:
        _NAMES.add(key)
    return key
