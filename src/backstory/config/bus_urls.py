"""The URL of a change bus."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from backstory.config import urls

STORE: Final = "store"
LOCAL: Final = "memory://"
_ALLOWED: Final = (
    "must be store, memory://, postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
    "redis://USER:PASSWORD@HOST:PORT or rediss://..., signs in a part written as %40"
)
_TLS: Final = frozenset(
    {"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
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
    if scheme in {"redis", "rediss"}:
        return _redis(scheme, rest)
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


def _redis(scheme: str, rest: str) -> str:
    url = f"{scheme}://{rest}"
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(_ALLOWED) from error
    path = parts.path.strip("/")
    if not known or parts.fragment or not (path == "" or (path.isascii() and path.isdigit())):
        raise ValueError(_ALLOWED)
    options = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    allowed = _TLS if scheme == "rediss" else frozenset[str]()
    if parts.query and (not options or options - allowed):
        words = f"only {', '.join(sorted(_TLS))}" if allowed else "nothing"
        raise ValueError(f"must be a URL with {words} behind the ?")
    return url
