"""The URL of a cache."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from backstory.config import readers
from backstory.config.redis_urls import SCHEMES, redis_url

NEAR: Final = "memory://"
_ALLOWED: Final = (
    "must be memory://, redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss://... (TLS) or "
    "memcached://HOST:PORT, signs in a part written as %40"
)


def cache_url(raw: object) -> str:
    """A cache: this process's memory, or a server behind it."""
    if not isinstance(raw, str):
        raise ValueError(_ALLOWED)  # noqa: TRY004 -- the one error that readers raise
    scheme, separator, rest = raw.strip().partition("://")
    url = f"{scheme.lower()}{separator}{rest}"
    if url == NEAR:
        return url
    if scheme.lower() in SCHEMES:
        return redis_url(url, _ALLOWED)
    if scheme.lower() == "memcached":
        return _memcached(url)
    raise ValueError(_ALLOWED)


def _memcached(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = bool(readers.host(parts.hostname)) and parts.port != 0
    except ValueError as error:
        raise ValueError(_ALLOWED) from error
    if not known or parts.fragment or any(sign.isspace() for sign in url):
        raise ValueError(_ALLOWED)
    if "@" in parts.netloc:
        raise ValueError("must be memcached://HOST:PORT; Memcached asks for no password here")
    if parts.path.strip("/") or parts.query:
        raise ValueError("must be memcached://HOST:PORT and nothing behind it")
    return url
