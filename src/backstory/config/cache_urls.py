"""The URL of a cache."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from backstory.config import readers

NEAR: Final = "memory://"
_ALLOWED: Final = (
    "must be memory://, redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss://... (TLS) or "
    "memcached://HOST:PORT, signs in a part written as %40"
)
_TLS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


def cache_url(raw: object) -> str:
    """A cache: this process's memory, or a server behind it."""
    if not isinstance(raw, str):
        raise ValueError(_ALLOWED)  # noqa: TRY004 -- the one error that readers raise
    scheme, separator, rest = raw.strip().partition("://")
    url = f"{scheme.lower()}{separator}{rest}"
    if url == NEAR:
        return url
    parts = _server(url)
    if parts.scheme == "memcached":
        _check_memcached(parts)
    elif parts.scheme in {"redis", "rediss"}:
        _check_redis(parts)
    else:
        raise ValueError(_ALLOWED)
    return url


def _server(url: str) -> SplitResult:
    """The parts of a URL that names a host."""
    try:
        parts = urlsplit(url)
        known = bool(readers.host(parts.hostname)) and parts.port != 0
    except ValueError as error:
        raise ValueError(_ALLOWED) from error
    if not known or parts.fragment or any(sign.isspace() for sign in url):
        raise ValueError(_ALLOWED)
    return parts


def _check_memcached(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError("must be memcached://HOST:PORT; Memcached asks for no password here")
    if parts.path.strip("/") or parts.query:
        raise ValueError("must be memcached://HOST:PORT and nothing behind it")


def _check_redis(parts: SplitResult) -> None:
    number = parts.path.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        raise ValueError(_ALLOWED)
    options = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    allowed = _TLS if parts.scheme == "rediss" else frozenset[str]()
    if parts.query and (not options or options - allowed):
        words = f"only {', '.join(sorted(_TLS))}" if allowed else "nothing"
        raise ValueError(f"must be a URL with {words} behind the ?")
