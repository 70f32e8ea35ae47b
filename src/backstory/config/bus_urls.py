"""The URL of a change bus."""

from __future__ import annotations

from typing import Final

from backstory.config import urls
from backstory.config.redis_urls import SCHEMES, redis_url

STORE: Final = "store"
LOCAL: Final = "memory://"
_ALLOWED: Final = (
    "must be store, memory://, postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
    "redis://USER:PASSWORD@HOST:PORT or rediss://..., signs in a part written as %40"
)


def bus_url(raw: object) -> str:
    """A change bus: `store`, `memory://`, or a server that passes messages on."""
    if not isinstance(raw, str):
        raise ValueError(_ALLOWED)  # noqa: TRY004 -- the one error that readers raise
    text = raw.strip()
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if text.lower() in {STORE, LOCAL}:
        return text.lower()
    if scheme in SCHEMES:
        return redis_url(f"{scheme}://{rest}", _ALLOWED)
    if scheme in {"postgresql", "postgres"}:
        return _postgres(text)
    raise ValueError(_ALLOWED)


def _postgres(text: str) -> str:
    try:
        url = urls.store_url(text)
    except ValueError as error:
        raise ValueError(_ALLOWED) from error
    assert isinstance(url, urls.ServerUrl)
    if url.pgbouncer or url.connections:
        raise ValueError(
            "must be the URL of the server itself, without pgbouncer and connections: behind a "
            "pooler in transaction mode LISTEN hears nothing"
        )
    return url.dsn
