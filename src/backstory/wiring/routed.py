"""All the stores that the settings name, as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace

from backstory.clock import Clock, SystemClock
from backstory.config import Route, Settings, cache_urls
from backstory.config.routes import overlapping
from backstory.errors import ConfigError, SchemaVersionError, StoreError
from backstory.ports.hooks import SILENCE, Hooks
from backstory.storage.routed import RoutedStore, Routing
from backstory.storage.routed.misplaced import Misplaced, misplaced
from backstory.wiring.stores import Opened, open_store_of


def each_store(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """The name of each store, empty for the first, and the settings as if it were the only one.

    What is read from one of the others is cached in the process alone: it is kept apart.
    """
    yield "", replace(settings, routes=())
    for route in settings.routes:
        yield route.name, of_route(settings, route)


def of_route(settings: Settings, route: Route) -> Settings:
    """The settings as if there were no other store than that of a route."""
    return replace(
        settings, store=route.url, routes=(), keys=None, replica=None, cache=cache_urls.NEAR
    )


def routing_of(settings: Settings) -> Routing:
    """Which store keeps which namespace."""
    return Routing([route.patterns for route in settings.routes])


async def open_stores(
    settings: Settings, clock: Clock, hooks: Hooks
) -> tuple[Opened, dict[str, Opened]]:
    """What the settings name as one store, and those of it, by name, that are routed to.

    Raises:
        ConfigError: two of them are the same, or one that is routed to cannot be opened.
        StoreError: the first store cannot be opened.
    """
    first, *others = each_store(settings)
    if not others:
        return await open_store_of(first[1], clock, hooks), {}
    if (twice := overlapping(settings.routes, settings.store)) is not None:
        raise _twice(settings, twice)
    async with AsyncExitStack() as stack:
        opened = [await open_store_of(first[1], clock, hooks)]
        stack.push_async_callback(opened[0].store.aclose)
        for name, own in others:
            opened.append(await _open(settings, name, own, clock, hooks))
            stack.push_async_callback(opened[-1].store.aclose)
            if opened[-1].store.secret in [each.store.secret for each in opened[:-1]]:
                raise _twice(settings, name)
        stack.pop_all()
    apart = dict(zip([name for name, _ in others], opened[1:], strict=True))
    return _as_one(opened, routing_of(settings)), apart


async def _open(settings: Settings, name: str, own: Settings, clock: Clock, hooks: Hooks) -> Opened:
    try:
        return await open_store_of(own, clock, hooks, name)
    except StoreError as error:
        detail = error.detail
        if isinstance(error, SchemaVersionError):
            detail += f", with BACKSTORY_ROUTES= and --store {own.store.shown}"
        raise ConfigError(
            f"routes from {settings.origin('routes')}: the store of {name} cannot be opened: {detail}"
        ) from error


def _as_one(opened: list[Opened], routing: Routing) -> Opened:
    first = opened[0]
    return replace(
        first,
        store=RoutedStore([each.store for each in opened], routing),
        dependencies=tuple(one for each in opened for one in each.dependencies),
        probe=_probe([each.probe for each in opened if each.probe is not None]),
    )


def _probe(probes: list[Callable[[], int]]) -> Callable[[], int] | None:
    if not probes:
        return None
    return lambda: hash(tuple(probe() for probe in probes))


def _twice(settings: Settings, name: str) -> ConfigError:
    return ConfigError(
        f"routes from {settings.origin('routes')}: the store of {name} is one that is named already"
    )


async def find_misplaced(settings: Settings, most: int) -> list[Misplaced]:
    """The first namespaces that lie in one store and are routed to another.

    Raises:
        ConfigError, StoreError: as `open_stores`.
    """
    opened, _ = await open_stores(settings, SystemClock(), SILENCE)
    store = opened.store
    found: list[Misplaced] = []
    try:
        if isinstance(store, RoutedStore):
            async with aclosing(misplaced(store.stores, routing_of(settings))) as each:
                async for one in each:
                    found.append(one)
                    if len(found) >= most:
                        break
        return found
    finally:
        await store.aclose()
