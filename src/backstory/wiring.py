"""The only file that knows every adapter: from settings to a running application.

Everything opened here is closed here, in the opposite order, by one `AsyncExitStack`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from backstory import limits
from backstory.clock import Clock, SystemClock
from backstory.config import ServerUrl, Settings
from backstory.contexts.service import Contexts
from backstory.messaging.local import LocalBus
from backstory.ports.bus import ChangeBus
from backstory.ports.store import Store
from backstory.processing import choosing
from backstory.processing.formats import FORMATS
from backstory.processing.ruling import PipelineRules
from backstory.processing.transforms.catalogue import extension_makers
from backstory.rendering.models import Models
from backstory.rendering.service import Renderer
from backstory.storage.migrations import Migrated
from backstory.storage.postgres.inspection import ServerInspection
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.inspecting import Inspection, inspect
from backstory.storage.sqlite.migrating import migrate
from backstory.storage.sqlite.opening import SCHEMA_VERSION

logger = logging.getLogger(__name__)

MCP_PATHS: Final = ("/mcp", "/mcp/")


@dataclass(frozen=True, slots=True)
class Running:
    """An application that answers, and the contexts behind it."""

    app: ASGIApp
    contexts: Contexts

    def drain(self) -> None:
        """Let everybody who waits go, and nobody wait any more; the process is about to stop."""
        self.contexts.hub.drain()


@asynccontextmanager
async def open_contexts(settings: Settings) -> AsyncIterator[Contexts]:
    """The context managers over the store that the settings name, with their sweeper.

    Raises:
        StoreError: the store cannot be opened; the detail says why and what to do.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        store, bus = await _open_store(settings, clock)
        stack.push_async_callback(store.aclose)
        stack.push_async_callback(bus.aclose)
        contexts = Contexts(store, bus, clock, PipelineRules(_chosen(settings)))
        stack.push_async_callback(contexts.aclose)
        await stack.enter_async_context(_sweeping(contexts))
        yield contexts


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


def _chosen(settings: Settings) -> choosing.Rules | None:
    """The operator's rules for transforms, which the settings have checked."""
    if not settings.processing:
        return None
    return choosing.rules_of(json.loads(settings.processing), extension_makers())


@asynccontextmanager
async def open_app(settings: Settings, token: str | None = None) -> AsyncIterator[Running]:
    """The whole server as an ASGI application without lifespan: guard, REST and MCP.

    `token` is what callers have to show in local mode, None where nothing is asked of them.

    Raises:
        StoreError: as `open_contexts`.
    """
    # Here, so that commands which serve nobody do not wait for the transports to be loaded.
    from backstory.transports.edge.coding.middleware import Coding
    from backstory.transports.edge.guard import Guard
    from backstory.transports.edge.local_mode import LocalMode
    from backstory.transports.mcp.callers import Served
    from backstory.transports.mcp.http import mcp_app
    from backstory.transports.rest.app import rest_app

    async with open_contexts(settings) as contexts:
        renderer = renderer_of(contexts, settings)
        async with mcp_app(Served(contexts, renderer)) as mcp:
            rest = rest_app(contexts, renderer)
            yield Running(Guard(Coding(_Split(rest, mcp)), LocalMode(token)), contexts)


def renderer_of(contexts: Contexts, settings: Settings) -> Renderer:
    """Renders windows through the context managers' reader, in every provider's format."""
    models = Models.read(json.loads(settings.models or "{}"))
    return Renderer(contexts.reader, contexts.store, contexts.seal, FORMATS, models)


class _Split:
    """MCP under its path, REST everywhere else."""

    def __init__(self, rest: ASGIApp, mcp: ASGIApp) -> None:
        self._rest = rest
        self._mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._mcp if scope["path"] in MCP_PATHS else self._rest
        await app(scope, receive, send)


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


def inspect_server(settings: Settings) -> ServerInspection:
    """Look at a database without changing it.

    Raises:
        StoreError: it cannot be reached.
    """
    from backstory.storage.postgres.inspecting import inspect as look

    return asyncio.run(look(postgres_options(settings)))
