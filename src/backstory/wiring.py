"""The only file that knows every adapter: from settings to a running application.

Everything opened here is closed here, in the opposite order, by one `AsyncExitStack`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from backstory import extensions, limits
from backstory.clock import Clock, SystemClock
from backstory.config import ServerUrl, Settings, StoreUrl
from backstory.contexts.service import Contexts
from backstory.domain.messages import Format
from backstory.errors import ConfigError
from backstory.extensions import Extension
from backstory.messaging.local import LocalBus
from backstory.observability import catalogue as observed
from backstory.observability import files
from backstory.observability.asking import asked
from backstory.observability.lagging import looking
from backstory.observability.prometheus import Counted, Metrics
from backstory.ports.bus import ChangeBus
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
from backstory.security.certificates import Certificate
from backstory.security.tls import TlsOptions, server_context
from backstory.storage.migrations import Migrated
from backstory.storage.postgres.inspection import ServerInspection
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.inspecting import Inspection, inspect
from backstory.storage.sqlite.migrating import migrate
from backstory.storage.sqlite.opening import SCHEMA_VERSION
from backstory.summarising import making
from backstory.summarising.http import Pace

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
        store, bus = await _open_store(settings, clock)
        stack.push_async_callback(store.aclose)
        stack.push_async_callback(bus.aclose)
        await asyncio.to_thread(ready)
        contexts = Contexts(store, bus, clock, rules, summarising=summarising)
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
    return Summarising(making.make(wanted, settings.summariser_key, count, Pace(clock)), count)


async def _open_store(settings: Settings, clock: Clock) -> tuple[Store, ChangeBus]:
    """The store, and the bus that hears of what other processes write to it."""
    if isinstance(settings.store, ServerUrl):
        from backstory.storage.postgres.store import open_store as open_server

        server = await open_server(postgres_options(settings), clock=clock)
        # No probe: what a node watches it asks for once in `limits.POLL_SECONDS` anyway.
        return server, LocalBus(poll_seconds=limits.POLL_SECONDS)
    options = SqliteOptions(settings.store.path, search=settings.search)
    file = await open_store(options, clock=clock)
    return file, LocalBus(probe=file.data_version)


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
