"""The store with its cache, and what nodes hear of each other by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from backstory import limits
from backstory.caching.guarded import GuardedCache
from backstory.caching.opening import open_cache
from backstory.caching.sealed import SealedCache
from backstory.clock import Clock
from backstory.config import ServerUrl, Settings, StoreUrl, cache_urls
from backstory.config.bus_urls import LOCAL as LOCAL_BUS
from backstory.config.bus_urls import STORE as STORE_BUS
from backstory.encryption.cipher import Cipher
from backstory.encryption.masters import masters_of
from backstory.errors import ConfigError
from backstory.messaging.local import LocalBus
from backstory.messaging.opening import link_to
from backstory.messaging.remote import RemoteBus
from backstory.observability.caches import told_cache
from backstory.observability.stores import told_store
from backstory.ports.audits import Audits
from backstory.ports.bus import ChangeBus
from backstory.ports.cache import Cache
from backstory.ports.events import Committed as CommittedEvent
from backstory.ports.events import DependencyChanged
from backstory.ports.hooks import SILENCE, Hooks, Number
from backstory.ports.rotating import Keyed
from backstory.ports.scrubbing import Scrubs
from backstory.ports.store import Store
from backstory.resilience.breaker import Breaker, State, Told, log
from backstory.resilience.checking import Dependency, Look
from backstory.security.authority.erasing import AuthorityHolder
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.sqlite import SqliteOptions, SqliteStore, open_store
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.jobs import Committed, unheard
from backstory.storage.tables.safe import Safe

if TYPE_CHECKING:
    from backstory.storage.postgres.replica import Replica
    from backstory.storage.postgres.store import PostgresStore


HOLDERS = (AuthorityHolder,)
"""Who keeps something of subjects in notes, whether it is on or not."""


def bus_server(settings: Settings) -> str | None:
    """The URL of the server by way of which nodes hear of each other, None where there is none."""
    if settings.bus == LOCAL_BUS:
        return None
    if settings.bus != STORE_BUS:
        return settings.bus
    store = settings.store
    return store.dsn if isinstance(store, ServerUrl) and not store.pgbouncer else None


def postgres_options(settings: Settings) -> PostgresOptions:
    """What the settings say of a PostgreSQL store."""
    assert isinstance(settings.store, ServerUrl)
    return _options(settings, settings.store)


def _options(settings: Settings, url: ServerUrl) -> PostgresOptions:
    return PostgresOptions(
        url.dsn,
        search=settings.search,
        connections=url.connections or limits.STORE_CONNECTIONS,
        pgbouncer=url.pgbouncer,
    )


def safe_in_file(settings: Settings, options: SqliteOptions) -> Safe:
    """The keys of a file, and the list of its erasures.

    Raises:
        ConfigError: a master key cannot be had, or the keys are where a file cannot use them.
    """
    keys = settings.keys
    if isinstance(keys, ServerUrl):
        raise ConfigError(
            f"keys from {settings.origin('keys')} is for a PostgreSQL store; name a file"
        )
    path = options.keys_path if keys is None else keys.path
    return Safe(partial(SqliteVault, path), masters_of(settings.master_key), HOLDERS)


def safe_on_server(settings: Settings) -> Safe:
    """The keys of a database, and the list of its erasures: there, in another, or in a file.

    Raises:
        ConfigError: a master key cannot be had.
    """
    from backstory.storage.postgres.vault import PostgresVault

    keys, masters = settings.keys, masters_of(settings.master_key)
    if isinstance(keys, StoreUrl):
        return Safe(partial(SqliteVault, keys.path), masters, HOLDERS)
    options = _options(settings, keys) if keys is not None else postgres_options(settings)
    return Safe(partial(PostgresVault, options), masters, HOLDERS)


@dataclass(frozen=True, slots=True)
class Opened:
    """The store, and what it depends on itself.

    `scrubs` and `keyed` are the store itself, without what is cached. `probe` tells cheaply whether other
    processes have written to it, where that can be told; `time` is the database's, in seconds.
    """

    store: Store
    audits: Audits
    scrubs: Scrubs
    keyed: Keyed
    dependencies: tuple[Dependency, ...]
    probe: Callable[[], int] | None = None
    time: Callable[[], Awaitable[float]] | None = None


async def open_store_of(settings: Settings, clock: Clock, hooks: Hooks, name: str = "") -> Opened:
    """The store that the settings name first, with its cache.

    One that is routed to has a name, by which it is told of; requests can be served without it.

    Raises:
        StoreError: it cannot be opened; the detail says why and what to do.
    """
    if isinstance(settings.store, ServerUrl):
        return await _open_server(settings, clock, hooks, name)
    if settings.replica is not None:
        raise ConfigError(
            f"replica from {settings.origin('replica')} is for a PostgreSQL store; leave it away"
        )
    # The file is as near as a cache, so it has none.
    options = SqliteOptions(settings.store.path, search=settings.search)
    safe = safe_in_file(settings, options)
    file = await open_store(options, clock=clock, committed=_committed(hooks), safe=safe)
    hooks.stands(partial(_waiting, file, name))
    hooks.stands(partial(file.seen.numbers, _named("states", name)))
    check = Dependency(_named("store", name), file.check, needed=not name)
    told = told_store(file, hooks, name)
    return Opened(told, file, file, file, (check,), file.data_version)


async def _open_server(settings: Settings, clock: Clock, hooks: Hooks, name: str) -> Opened:
    from backstory.caching.store import CachedStore
    from backstory.storage.postgres.store import open_store as open_server

    database, far = (
        Breaker(_named(what, name), told=_telling(hooks)) for what in ("database", "cache")
    )
    safe = safe_on_server(settings)
    server = await open_server(
        postgres_options(settings),
        clock=clock,
        breaker=database,
        committed=_committed(hooks),
        safe=safe,
    )
    hooks.stands(partial(_waiting, server, name))
    hooks.stands(partial(_pooled, server, name))
    shared = settings.cache != cache_urls.NEAR
    cache = told_cache(cache_of(settings, far, safe.cipher), hooks)
    replica = await _open_replica(settings, server.epoch, hooks, safe.cipher)
    copies = replica[0] if replica else None
    told = told_store(server, hooks, name)
    store = CachedStore(told, cache, clock, shared=shared, copies=copies)
    dependencies = [
        Dependency(_named("store", name), store.check, needed=not name, breaker=database)
    ]
    if replica:
        look = partial(_replica, replica[0])
        dependencies.append(Dependency("replica", look, breaker=replica[1]))
    if shared:
        dependencies.append(Dependency("cache", cache.check, breaker=far))
    return Opened(store, server, server, server, tuple(dependencies), time=server.time)


async def _replica(replica: Replica) -> Look:
    await replica.check()
    return Look(facts={"lag_seconds": round(await replica.lag(), 3)})


async def _open_replica(
    settings: Settings, epoch: str, hooks: Hooks, cipher: Cipher | None
) -> tuple[Replica, Breaker] | None:
    if settings.replica is None:
        return None
    from backstory.storage.postgres.replica import open_replica

    breaker = Breaker("replica", told=_telling(hooks))
    options = _options(settings, settings.replica)
    return await open_replica(options, epoch, breaker, cipher), breaker


def open_bus(
    settings: Settings, opened: Opened, hooks: Hooks = SILENCE, *, serving: bool
) -> ChangeBus:
    """The change bus. Commands that serve nobody tell nobody: the nodes look themselves."""
    url = bus_server(settings) if serving else None
    if url is None:
        return LocalBus(opened.probe)
    bus = RemoteBus(link_to(url), opened.store.secret, hooks)
    hooks.stands(lambda: (("queue_depth", ("bus",), bus.waiting),))
    return bus


def cache_of(
    settings: Settings, breaker: Breaker | None = None, cipher: Cipher | None = None
) -> Cache:
    """The cache that the settings name; a server's is behind the breaker, and sees no text."""
    memory = settings.cache_megabytes * limits.MIB

    def guarded(far: Cache) -> Cache:
        sealed = far if cipher is None else SealedCache(far, cipher.ring.box("cache"))
        return GuardedCache(sealed, breaker=breaker or Breaker("cache"))

    return open_cache(settings.cache, memory_bytes=memory, guarded=guarded)


def _committed(hooks: Hooks) -> Committed:
    if not hooks.hears(CommittedEvent):
        return unheard
    return lambda jobs, seconds: hooks.tell(CommittedEvent(jobs, seconds))


def _waiting(store: SqliteStore | PostgresStore, name: str) -> Iterator[Number]:
    for queue, waiting in store.waiting.items():
        yield "queue_depth", (_named(queue, name),), waiting


def _pooled(store: PostgresStore, name: str) -> Iterator[Number]:
    busy, idle = store.sizes
    yield "pool_connections", (_named("busy", name),), busy
    yield "pool_connections", (_named("idle", name),), idle


def _named(what: str, name: str) -> str:
    """What is told of a store; with the name of one that is routed to."""
    return f"{what}.{name}" if name else what


def _telling(hooks: Hooks) -> Told:
    """Each change of a breaker has a line in the log, and is told to who measures."""

    def tell(name: str, state: State) -> None:
        log(name, state)
        hooks.tell(DependencyChanged(name, state is State.CLOSED))

    return tell
