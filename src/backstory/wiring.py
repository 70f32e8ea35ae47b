"""The only file that knows every adapter: from settings to a running application.

Everything opened here is closed here, in the opposite order, by one `AsyncExitStack`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from backstory import extensions, limits
from backstory.caching.guarded import GuardedCache
from backstory.caching.opening import open_cache
from backstory.clock import Clock, SystemClock
from backstory.config import ServerUrl, Settings, StoreUrl, cache_urls
from backstory.config.bus_urls import LOCAL as LOCAL_BUS
from backstory.config.bus_urls import STORE as STORE_BUS
from backstory.contexts.service import Contexts
from backstory.domain.messages import Format
from backstory.errors import ConfigError
from backstory.extensions import Extension
from backstory.messaging.lines import reach
from backstory.messaging.local import LocalBus
from backstory.messaging.opening import link_to
from backstory.messaging.remote import RemoteBus
from backstory.observability import catalogue as observed
from backstory.observability import files
from backstory.observability.asking import asked
from backstory.observability.lagging import looking
from backstory.observability.prometheus import Counted, Metrics
from backstory.ports.bus import ChangeBus
from backstory.ports.cache import Cache
from backstory.ports.hooks import SILENCE, Hooks, Request
from backstory.ports.store import Store
from backstory.ports.summariser import Summarising
from backstory.processing import choosing
from backstory.processing.ruling import PipelineRules
from backstory.processing.schemas import packaged
from backstory.processing.transforms import catalogue
from backstory.rendering.counters import COUNTERS, count_stored, ready
from backstory.rendering.models import Models
from backstory.rendering.service import Renderer
from backstory.resilience.breaker import Breaker, State, Told, log
from backstory.resilience.checking import Dependency
from backstory.resilience.pace import Pace
from backstory.security.certificates import Certificate
from backstory.security.tls import TlsOptions, server_context
from backstory.storage.meta import Epochs
from backstory.storage.migrations import Migrated
from backstory.storage.postgres.inspection import ServerInspection
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.inspecting import Inspection, inspect
from backstory.storage.sqlite.migrating import begin_epoch as begin_in_file
from backstory.storage.sqlite.migrating import migrate
from backstory.storage.sqlite.opening import SCHEMA_VERSION
from backstory.summarising import making

logger = logging.getLogger(__name__)

MCP_PATHS: Final = ("/mcp", "/mcp/")


@dataclass(frozen=True, slots=True)
class Running:
    """An application that answers, and the contexts behind it."""

    app: ASGIApp
    contexts: Contexts

    def leave(self) -> None:
        """Say to whoever asks whether to come here that nobody should; who comes is served."""
        self.contexts.hub.leaving = True

    def drain(self) -> None:
        """Let everybody who waits go, and nobody wait any more; the process is about to stop."""
        self.contexts.hub.drain()


@asynccontextmanager
async def open_hooks(environ: Mapping[str, str] = os.environ) -> AsyncIterator[Hooks]:
    """Who hears of what the server does: whom the `OTEL_*` variables ask for, else nobody.

    Raises:
        ConfigError: they ask for something that there is not.
    """
    wanted = asked(environ)
    if not (wanted.traces or wanted.metrics):
        yield SILENCE
        return
    # Here, so that a server without telemetry does not load it.
    from backstory.observability.exporting import exported

    async with exported(wanted) as hooks:
        yield hooks


@asynccontextmanager
async def open_contexts(
    settings: Settings, hooks: Hooks = SILENCE, *, serving: bool = False, sweep: bool = True
) -> AsyncIterator[Contexts]:
    """The context managers over the store that the settings name, with their sweeper if wanted.

    Only those who are `serving` make summaries, when asked and as the settings say.

    Raises:
        ConfigError: an extension is broken, or the key for the summariser cannot be read.
        StoreError: the store cannot be opened; the detail says why and what to do.
    """
    clock = SystemClock()
    rules = PipelineRules(
        _chosen(settings), hooks, packaged=extensions.made(packaged.GROUP), count=count_stored
    )
    async with AsyncExitStack() as stack:
        wanted = making.read(json.loads(settings.summariser or "{}"))
        summarising = _summarising(wanted, settings, clock) if serving else None
        if summarising is not None:
            stack.push_async_callback(summarising.summariser.aclose)
        store, probe, breaker = await _open_store(settings, clock, hooks)
        stack.push_async_callback(store.aclose)
        bus = _open_bus(settings, store.secret, probe, serving=serving)
        stack.push_async_callback(bus.aclose)
        await asyncio.to_thread(ready)
        contexts = Contexts(
            store,
            bus,
            clock,
            rules,
            summarising=summarising,
            dependencies=[Dependency("store", store.check, needed=True, breaker=breaker)],
        )
        stack.push_async_callback(contexts.aclose)
        if sweep:
            await stack.enter_async_context(_sweeping(contexts))
        if serving and wanted.rules is not None:
            background = contexts.background(wanted.rules)
            await stack.enter_async_context(background.running(contexts.writer))
        yield contexts


def _summarising(wanted: making.Wanted, settings: Settings, clock: Clock) -> Summarising:
    """Whoever makes summaries; their lengths are counted as OpenAI's models count."""
    count = COUNTERS["o200k_base"].count
    return Summarising(
        making.make(wanted, settings.summariser_key, count, Pace(clock=clock)), count
    )


async def _open_store(
    settings: Settings, clock: Clock, hooks: Hooks
) -> tuple[Store, Callable[[], int] | None, Breaker | None]:
    """The store, what tells cheaply whether other processes have written to it, and its breaker."""
    if isinstance(settings.store, ServerUrl):
        from backstory.caching.store import CachedStore
        from backstory.storage.postgres.store import open_store as open_server

        breaker = Breaker("database", told=_telling(hooks))
        server = await open_server(postgres_options(settings), clock=clock, breaker=breaker)
        # SQLite's file is as near as a cache, so only this store has one.
        shared = settings.cache != cache_urls.NEAR
        cached = CachedStore(server, _cache(settings, hooks), clock, shared=shared)
        return cached, None, breaker
    options = SqliteOptions(settings.store.path, search=settings.search)
    file = await open_store(options, clock=clock)
    return file, file.data_version, None


def _telling(hooks: Hooks) -> Told:
    """Each change of a breaker has a line in the log, and is told to who measures."""

    def tell(name: str, state: State) -> None:
        log(name, state)
        hooks.dependency(name, there=state is State.CLOSED)

    return tell


def _open_bus(
    settings: Settings, secret: bytes, probe: Callable[[], int] | None, *, serving: bool
) -> ChangeBus:
    """The change bus. Commands that serve nobody tell nobody: the nodes look themselves."""
    url = bus_server(settings) if serving else None
    return LocalBus(probe) if url is None else RemoteBus(link_to(url), secret)


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
    url = settings.store
    return PostgresOptions(
        url.dsn,
        search=settings.search,
        connections=url.connections or limits.STORE_CONNECTIONS,
        pgbouncer=url.pgbouncer,
    )


def tls_options(settings: Settings) -> TlsOptions | None:
    """How the settings have the server speak TLS; None where it speaks plain HTTP.

    Raises:
        ConfigError: there is something for a certificate, but none.
    """
    if settings.tls_certificate is not None:
        return TlsOptions(
            settings.tls_certificate,
            settings.tls_key,
            settings.tls_client_ca,
            settings.tls_minimum,
        )
    for name in ("tls_key", "tls_client_ca"):
        if getattr(settings, name) is not None:
            raise ConfigError(
                f"{name} from {settings.origin(name)} is for a certificate; set --tls-certificate"
            )
    return None


def is_secure(settings: Settings) -> bool:
    """Whether clients come by HTTPS, to the server itself or to what stands before it."""
    public = settings.public_url or ""
    return settings.tls_certificate is not None or public.startswith("https://")


def _chosen(settings: Settings) -> choosing.Rules | None:
    """The operator's rules for transforms, which the settings have checked."""
    makers = catalogue.extension_makers()
    return (
        choosing.rules_of(json.loads(settings.processing), makers) if settings.processing else None
    )


@asynccontextmanager
async def open_app(settings: Settings, token: str | None = None) -> AsyncIterator[Running]:
    """The whole server as an ASGI application without lifespan: guard, REST and MCP.

    `token` is what callers have to show in local mode, None where nothing is asked of them.

    Raises:
        ConfigError, StoreError: as `open_hooks` and `open_contexts`; an extension cannot be served.
    """
    # Here, so that commands which serve nobody do not wait for the transports to be loaded.
    from backstory.processing.accepted import with_extensions
    from backstory.transports.edge.coding.middleware import Coding
    from backstory.transports.edge.guard import Guard
    from backstory.transports.edge.local_mode import LocalMode
    from backstory.transports.edge.strict_transport import StrictTransport
    from backstory.transports.mcp.callers import Served
    from backstory.transports.mcp.http import mcp_app
    from backstory.transports.mcp.offers import found
    from backstory.transports.rest import call as rest_call
    from backstory.transports.rest.app import rest_app

    accepted = with_extensions()
    async with AsyncExitStack() as stack:
        hooks = await stack.enter_async_context(open_hooks())
        metrics = Metrics(partial(_looked, settings)) if settings.metrics else None
        if metrics is not None:
            hooks = Counted(metrics, hooks)
        contexts = await stack.enter_async_context(open_contexts(settings, hooks, serving=True))
        if metrics is not None:
            await stack.enter_async_context(looking(partial(_seen, metrics, contexts)))
        renderer = renderer_of(contexts, settings, accepted.formats)
        served_mcp = Served(contexts, renderer, extensions=found())
        mcp = await stack.enter_async_context(mcp_app(served_mcp))
        page = None if metrics is None else metrics.page
        rest = rest_app(rest_call.Served(contexts, renderer, accepted, page))
        served: ASGIApp = Guard(Coding(_Split(rest, mcp)), LocalMode(token), hooks)
        if is_secure(settings):
            served = StrictTransport(served)
        yield Running(served, contexts)


def _seen(metrics: Metrics, contexts: Contexts, lag: float) -> None:
    metrics.of(observed.LOOP_LAG).observe(lag)
    metrics.of(observed.WATCHERS).set(contexts.hub.watching)


def _looked(settings: Settings) -> files.Found:
    """What is looked up of the server's files when it is asked for its metrics."""
    if isinstance(settings.store, StoreUrl):
        yield from files.store(settings.store.path)
    yield from files.certificate(partial(_certificate_ends, settings))


def _certificate_ends(settings: Settings) -> float | None:
    try:
        found = inspect_certificate(settings)
    except ConfigError:
        return None
    return None if found is None else found.ends


def message_formats() -> Mapping[str, Format]:
    """Those that are built in, and those of extensions.

    Raises:
        ConfigError: an extension is broken.
    """
    from backstory.processing.accepted import with_extensions

    return with_extensions().formats


def renderer_of(contexts: Contexts, settings: Settings, formats: Mapping[str, Format]) -> Renderer:
    """Renders windows through the context managers' reader, in every one of the formats."""
    models = Models.read(json.loads(settings.models or "{}"), tuple(formats))
    return Renderer(
        contexts.reader,
        contexts.store,
        contexts.seal,
        formats,
        finds=contexts.searcher,
        models=models,
    )


class _Split:
    """MCP under its path, REST everywhere else."""

    def __init__(self, rest: ASGIApp, mcp: ASGIApp) -> None:
        self._rest = rest
        self._mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in MCP_PATHS:
            await self._rest(scope, receive, send)
            return
        request: Request = scope["backstory.request"]
        request.routed(MCP_PATHS[0])
        await self._mcp(scope, receive, send)


@asynccontextmanager
async def _sweeping(contexts: Contexts) -> AsyncIterator[None]:
    """Keeps the sweeper alive: it handles what it can foresee, the rest is logged here."""
    task = asyncio.create_task(contexts.sweeper.run(), name="sweeper")
    task.add_done_callback(_tell_of_end)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def _tell_of_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the sweeper has stopped; nothing expires in the background", exc_info=error)


# -- tools for operators, on a store that may be in use ---------------------------------


def migrate_store(settings: Settings) -> Migrated:
    """Bring the store to this release's schema.

    Raises:
        StoreError: as `migrate` of the store's own `migrating` says.
    """
    if isinstance(settings.store, ServerUrl):
        from backstory.storage.postgres.migrating import migrate as migrate_server

        return asyncio.run(migrate_server(postgres_options(settings)))
    return migrate(SqliteOptions(settings.store.path))


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
    """What was found, and the schema version that this release needs."""

    newest: int


def inspect_store(path: Path) -> Inspected:
    """Look at a file without changing it.

    Raises:
        StoreError, OSError: it cannot be opened or read.
    """
    found = inspect(SqliteOptions(path))
    return Inspected(**asdict(found), newest=SCHEMA_VERSION)


def inspect_certificate(settings: Settings) -> Certificate | None:
    """The certificate that a server with these settings would show.

    Raises:
        ConfigError: no server would start with it.
    """
    options = tls_options(settings)
    return None if options is None else server_context(options).certificate


def inspect_extensions() -> Iterator[Extension]:
    """Every extension that is installed, tried as at a start; `problem` says what is wrong."""
    from backstory.processing import accepted
    from backstory.transports.mcp import offers

    groups = (packaged.GROUP, *accepted.groups(), catalogue.GROUP, making.GROUP, offers.GROUP)
    return extensions.inspected(groups)


def inspect_server(settings: Settings) -> ServerInspection:
    """Look at a database without changing it.

    Raises:
        StoreError: it cannot be reached.
    """
    from backstory.storage.postgres.inspecting import inspect as look

    return asyncio.run(look(postgres_options(settings)))


def inspect_cache(settings: Settings) -> None:
    """Keep something in the cache, to see that it can be done.

    Raises:
        CacheUnavailableError: it cannot; the detail says why.
    """

    async def look() -> None:
        async with contextlib.aclosing(_cache(settings)) as cache:
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


def _cache(settings: Settings, hooks: Hooks = SILENCE) -> Cache:
    def guarded(far: Cache) -> Cache:
        return GuardedCache(far, Breaker("cache", told=_telling(hooks)))

    memory = settings.cache_megabytes * limits.MIB
    return open_cache(settings.cache, memory_bytes=memory, guarded=guarded)
