"""The URL of a Redis, whatever it is used for."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from backstory.config import readers

SCHEMES: Final = frozenset({"redis", "rediss"})
_TLS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


def redis_url(url: str, allowed: str) -> str:
    """The URL, whose scheme stands in lower case.

    Raises:
        ValueError: it is none; with `allowed`, where it is no more than that.
    """
    try:
        parts = urlsplit(url)
        known = bool(readers.host(parts.hostname)) and parts.port != 0
    except ValueError as error:
        raise ValueError(allowed) from error
    number = parts.path.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        raise ValueError(allowed)
    if not known or parts.fragment or any(sign.isspace() for sign in url):
        raise ValueError(allowed)
    options = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    may = _TLS if parts.scheme == "rediss" else frozenset[str]()
    if parts.query and (not options or options - may):
        words = f"only {', '.join(sorted(_TLS))}" if may else "nothing"
        raise ValueError(f"must be a URL with {words} behind the ?")
    return url
