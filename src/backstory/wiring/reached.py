"""Which servers the settings name, by what they are for: hosts and ports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from backstory.config import ServerUrl, Settings
from backstory.observability.health.reaching import Place
from backstory.wiring.stores import bus_server

_PORTS: Final = {
    "postgresql": 5432,
    "postgres": 5432,
    "redis": 6379,
    "rediss": 6379,
    "memcached": 11211,
    "https": 443,
    "http": 80,
}


def servers(settings: Settings) -> Mapping[str, tuple[Place, ...]]:
    """Every server that is spoken to over the network; those behind local sockets are left out."""
    store = settings.store.dsn if isinstance(settings.store, ServerUrl) else None
    replica = settings.replica.dsn if settings.replica is not None else None
    summariser = json.loads(settings.summariser or "{}").get("url")
    urls = {
        "store": store,
        "replica": replica,
        "cache": settings.cache,
        "bus": bus_server(settings),
        "issuer": settings.auth_jwks or settings.auth_issuer,
        "summariser": summariser if isinstance(summariser, str) else None,
    }
    urls |= {
        f"store.{route.name}": route.url.dsn
        for route in settings.routes
        if isinstance(route.url, ServerUrl)
    }
    found = {name: places(url) for name, url in urls.items() if url}
    return {name: there for name, there in found.items() if there}


def places(url: str) -> tuple[Place, ...]:
    """The hosts and ports of a URL, of which there may be several with commas between."""
    parts = urlsplit(url)
    port = _PORTS.get(parts.scheme)
    if port is None:
        return ()
    hosts = parts.netloc.rpartition("@")[2].split(",")
    named = parse_qs(parts.query).get("host", [""])[0]
    if not any(hosts):
        hosts = [host for host in named.split(",") if not host.startswith("/")]
    each = [urlsplit(f"//{host}") for host in hosts if host]
    return tuple((one.hostname, one.port or port) for one in each if one.hostname)
