"""Tools for operators, on a store that may be in use."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from backstory import extensions, limits
from backstory.config import ServerUrl, Settings
from backstory.contexts.scrubbing import Report
from backstory.encryption import masters
from backstory.extensions import Extension
from backstory.messaging.lines import reach
from backstory.messaging.opening import link_to
from backstory.ports.scrubbing import Looked, Place
from backstory.processing.schemas import packaged
from backstory.processing.transforms import catalogue
from backstory.resilience.checking import Look
from backstory.storage.meta import Epochs
from backstory.storage.migrations import ALL, Migrated, Wanted
from backstory.storage.postgres.inspection import ServerInspection
from backstory.storage.sqlite import SqliteOptions
from backstory.storage.sqlite.inspecting import Inspection, inspect, is_held
from backstory.storage.sqlite.migrating import begin_epoch as begin_in_file
from backstory.storage.sqlite.migrating import migrate
from backstory.storage.sqlite.opening import KNOWN
from backstory.storage.standing import Known
from backstory.summarising import making
from backstory.wiring.contexts import open_contexts
from backstory.wiring.stores import cache_of, postgres_options


def migrate_store(settings: Settings, wanted: Wanted = ALL) -> Migrated:
    """Bring the store to this release's schema, or as far as is wanted.

    Raises:
        StoreError: as `migrate` of the store's own `migrating` says.
    """
    if isinstance(settings.store, ServerUrl):
        from backstory.storage.postgres.migrating import migrate as migrate_server

        return asyncio.run(migrate_server(postgres_options(settings), wanted=wanted))
    return migrate(SqliteOptions(settings.store.path), wanted=wanted)


def begin_epoch(settings: Settings) -> Epochs:
    """Begin another life of the store.

    Raises:
        StoreError: as `begin_epoch` of the store's own `migrating` says.
    """
    if isinstance(settings.store, ServerUrl):
        from backstory.storage.postgres.migrating import begin_epoch as begin_on_server

        return asyncio.run(begin_on_server(postgres_options(settings)))
    return begin_in_file(SqliteOptions(settings.store.path))


@dataclass(frozen=True, slots=True)
class Inspected(Inspection):
    """What was found, and what this release knows of its schema. `held`: nobody comes to write."""

    known: Known
    held: bool


def inspect_store(path: Path) -> Inspected:
    """Look at a file without changing it.

    Raises:
        StoreError, OSError: it cannot be opened or read.
    """
    found = inspect(SqliteOptions(path))
    return Inspected(
        **{each.name: getattr(found, each.name) for each in fields(found)},
        known=KNOWN,
        held=is_held(SqliteOptions(path), limits.DOCTOR_LOCK_SECONDS),
    )


def inspect_server(settings: Settings) -> ServerInspection:
    """Look at a database without changing it.

    Raises:
        StoreError: it cannot be reached.
    """
    from backstory.storage.postgres.inspecting import inspect as look

    return asyncio.run(look(postgres_options(settings)))


def inspect_clock(settings: Settings) -> Look:
    """Compare this machine's clock with the database's.

    Raises:
        StoreError: it cannot be asked.
    """
    from backstory.observability.health.clocks import ClockWatch
    from backstory.storage.postgres.inspecting import time_of

    async def look() -> Look:
        return await ClockWatch(partial(time_of, postgres_options(settings))).check()

    return asyncio.run(look())


def inspect_replica(settings: Settings) -> None:
    """See whether the standby can be asked for what the store has.

    Raises:
        StoreError: it cannot; the detail says why.
    """

    async def look() -> None:
        async with open_contexts(settings, sweep=False) as contexts:
            seen = (await contexts.checks.seen())["replica"]
        if seen.failure is not None:
            raise seen.failure

    asyncio.run(look())


def scrub_store(settings: Settings, tell: Callable[[Place, Looked], None]) -> Report:
    """Look at all that is stored, from the beginning to the end.

    Raises:
        StoreError: it cannot be opened or read.
    """

    async def look() -> Report:
        async with open_contexts(settings, sweep=False) as contexts:
            assert contexts.scrub is not None
            return await contexts.scrub.now(tell)

    return asyncio.run(look())


def scrub_report(settings: Settings) -> Report:
    """What the last scrub has found.

    Raises:
        StoreError: the store cannot be opened or read.
    """

    async def look() -> Report:
        async with open_contexts(settings, sweep=False) as contexts:
            assert contexts.scrub is not None
            return await contexts.scrub.read()

    return asyncio.run(look())


def inspect_cache(settings: Settings) -> None:
    """Keep something in the cache, to see that it can be done.

    Raises:
        CacheUnavailableError: it cannot; the detail says why.
    """

    async def look() -> None:
        async with contextlib.aclosing(cache_of(settings)) as cache:
            await cache.check()

    asyncio.run(look())


def inspect_bus(url: str) -> str:
    """See whether messages pass; answers what stands at the other end.

    Raises:
        BusUnavailableError: they do not; the detail says why.
    """
    link = link_to(url)
    asyncio.run(reach(link))
    return link.name


def inspect_extensions() -> Iterator[Extension]:
    """Every extension that is installed, tried as at a start; `problem` says what is wrong."""
    from backstory.processing import accepted
    from backstory.transports.mcp import offers

    ours = (catalogue.GROUP, making.GROUP, masters.GROUP)
    groups = (packaged.GROUP, *accepted.groups(), *ours, offers.GROUP)
    return extensions.inspected(groups)
