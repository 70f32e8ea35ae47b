"""Where the answer to a request may be sent: to the letter, but for the port on this machine.

RFC 9700 section 2.1 asks for equal texts, RFC 8252 section 7.3 lets an application on the
user's own machine listen on whatever port is free.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from backstory import limits
from backstory.errors import InvalidError

_NEAR: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PORT: Final = re.compile(r":[0-9]{1,5}\Z")
_SCRIPTS: Final = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss"}
)
_GRAPHIC: Final = re.compile(r"[!-~]+\Z")


def check(uri: str) -> str:
    """The redirect URI itself.

    Raises:
        InvalidError: nobody could be sent there safely.
    """
    parts = _split(uri)
    if parts is None:
        raise InvalidError(
            f"a redirect URI is absolute, in printable ASCII, of at most {limits.REDIRECT_BYTES} "
            "bytes, and has no fragment and no user"
        )
    if parts.scheme == "http" and parts.hostname not in _NEAR:
        raise InvalidError("a redirect URI with http: is for this machine only; take https:")
    if parts.scheme in _SCRIPTS or (parts.scheme == "https" and not parts.hostname):
        raise InvalidError(f"nobody is redirected to {parts.scheme}: URIs")
    return uri


def is_one_of(uri: str, registered: Iterable[str]) -> bool:
    """Whether the URI is one of those, in every letter but the port of a loopback address."""
    wanted = _portless(uri)
    return wanted is not None and any(_portless(each) == wanted for each in registered)


def is_near(uri: str) -> bool:
    """Whether it leads to this machine: the one of whoever follows it."""
    return (urlsplit(uri).hostname or "") in _NEAR


def form_source(uri: str) -> str:
    """Where a form that ends there may lead, as a source of `form-action` (CSP)."""
    parts = urlsplit(uri)
    named = parts.scheme in ("http", "https") and "[" not in parts.netloc  # no source has brackets
    return f"{parts.scheme}://{parts.netloc}" if named else f"{parts.scheme}:"


def _portless(uri: str) -> tuple[str, str] | None:
    """What has to be equal: the text, without the port of a loopback address."""
    parts = _split(uri)
    if parts is None:
        return None
    if parts.scheme != "http" or parts.hostname not in _NEAR:
        return uri, ""
    return uri.replace(parts.netloc, _PORT.sub("", parts.netloc), 1), "near"


def _split(uri: str) -> SplitResult | None:
    if len(uri) > limits.REDIRECT_BYTES or not _GRAPHIC.match(uri) or "#" in uri or "\\" in uri:
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and "@" not in parts.netloc else None
