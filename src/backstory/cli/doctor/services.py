"""The cache and the change bus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backstory.cli.doctor.findings import Finding
from backstory.config import ServerUrl, Settings
from backstory.config.cache_urls import NEAR
from backstory.errors import BackstoryError, CacheUnavailableError

_BUS_STEP: Final = "set --bus to redis://..., or to a postgresql:// URL that leads past the pooler"


def cache(settings: Settings) -> Finding:
    """Servers answer without it, too, so that it is no failure."""
    if not isinstance(settings.store, ServerUrl):
        detail = "none is used: the store's file is as near as one"
        if settings.cache == NEAR:
            return Finding("cache", "ok", detail)
        step = "leave --cache away, or keep contexts in PostgreSQL"
        return Finding("cache", "warning", detail, step)
    from backstory.wiring import inspect_cache

    try:
        inspect_cache(settings)
    except CacheUnavailableError as error:
        step = "check --cache and the server; until then all is read from the store"
        return Finding("cache", "warning", error.detail, step)
    detail = f"{settings.cache_megabytes} MiB in each process"
    shared = "" if settings.cache == NEAR else ", before a server that can be used"
    return Finding("cache", "ok", detail + shared)


def bus(settings: Settings) -> Iterator[Finding]:
    """Nobody needs it to run, so a bus that is away is a warning."""
    from backstory.wiring import bus_server, inspect_bus

    url = bus_server(settings)
    if url is None:
        if isinstance(settings.store, ServerUrl):
            detail = "there is none: nodes see each other's changes within a second"
            yield Finding("bus", "warning", detail, _BUS_STEP)
        return
    try:
        name = inspect_bus(url)
    except BackstoryError as error:
        yield Finding("bus", "warning", error.detail, "check --bus; until then nodes are slower")
    else:
        yield Finding("bus", "ok", f"messages pass by way of {name}")


def replica(settings: Settings) -> Iterator[Finding]:
    """Nobody needs it, so a standby that is away is a warning."""
    from backstory.wiring import inspect_replica

    if settings.replica is None:
        return
    try:
        inspect_replica(settings)
    except BackstoryError as error:
        step = "check --replica and the standby; until then all is read from the primary"
        yield Finding("replica", "warning", error.detail, step)
    else:
        yield Finding("replica", "ok", "bodies are read from a standby of the store")
