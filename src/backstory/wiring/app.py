"""The whole server as one application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from backstory.config import Settings
from backstory.config.local import is_loopback
from backstory.contexts.service import Contexts
from backstory.domain.messages import Format
from backstory.observability.crew import Crew
from backstory.ports.hooks import SILENCE, Hooks, Request
from backstory.rendering.models import Models
from backstory.rendering.service import Renderer
from backstory.resilience.checking import Dependency
from backstory.wiring.at_once import at_once, knows
from backstory.wiring.auditing import acting, open_auditing
from backstory.wiring.callers import Callers, open_callers
from backstory.wiring.contexts import open_contexts
from backstory.wiring.heard import counted, logged, open_hooks, remembered, sampled
from backstory.wiring.pacing import open_pacing
from backstory.wiring.secure import is_secure

if TYPE_CHECKING:
    from backstory.transports.edge.at_once import AtOnce, Lane
    from backstory.transports.edge.shortly import Shortly

MCP_PATHS: Final = ("/mcp", "/mcp/")
_METADATA: Final = "/.well-known/oauth-protected-resource"
_EXPOSED: Final = (
    "Deprecation",
    "ETag",
    "Link",
    "Sunset",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "Mcp-Session-Id",
    "Mcp-Protocol-Version",
    "Accept-Patch",
    "Content-Range",
)
"""Headers of answers that pages may read."""


@dataclass(frozen=True, slots=True)
class Running:
    """An application that answers, and the contexts behind it."""

    app: ASGIApp
    contexts: Contexts
    ops: ASGIApp
    """What is for operators alone, on a port of its own."""
    at_once: AtOnce
    """What a server may ask before the application."""
    shortly: Shortly
    """What it may ask instead, for whom the first knows."""

    def leave(self) -> None:
        """Say to whoever asks whether to come here that nobody should; who comes is served."""
        self.contexts.hub.leaving = True

    def drain(self) -> None:
        """Let everybody who waits go, and nobody wait any more; the process is about to stop."""
        self.contexts.hub.drain()


@asynccontextmanager
async def open_app(
    settings: Settings, token: str | None = None, crew: Crew | None = None
) -> AsyncIterator[Running]:
    """The whole server as an ASGI application without lifespan: guard, REST and MCP.

    `token` is what callers have to show in local mode, None where nothing is asked of them;
    `crew` are the workers of which this process is one.

    Raises:
        ConfigError, StoreError: as `open_hooks` and `open_contexts`; an extension cannot be served.
    """
    # Here, so that commands which serve nobody do not wait for the transports to be loaded.
    from backstory.processing.accepted import with_extensions
    from backstory.transports.edge.coding.middleware import Coding
    from backstory.transports.edge.guard import Guard
    from backstory.transports.edge.ops import Ops
    from backstory.transports.edge.shortly import Shortly
    from backstory.transports.edge.strict_transport import StrictTransport, strict
    from backstory.transports.mcp.callers import Served
    from backstory.transports.mcp.http import mcp_app
    from backstory.transports.mcp.offers import found
    from backstory.transports.rest import call as rest_call
    from backstory.transports.rest.app import rest_app
    from backstory.transports.rest.lane import Hot

    accepted = with_extensions()
    async with AsyncExitStack() as stack:
        hooks = await stack.enter_async_context(open_hooks())
        metrics = await stack.enter_async_context(counted(settings, hooks, crew))
        workers = () if crew is None else (Dependency("workers", crew.check),)
        contexts = await stack.enter_async_context(
            open_contexts(settings, hooks, serving=True, dependencies=workers)
        )
        if metrics is not None:
            await stack.enter_async_context(sampled(metrics, hooks, contexts))
        await stack.enter_async_context(open_auditing(settings, contexts, hooks))
        levels = await stack.enter_async_context(logged(settings, hooks, contexts))
        renderer = renderer_of(contexts, settings, accepted.formats, hooks)
        callers = await stack.enter_async_context(open_callers(settings, contexts, token, hooks))
        pacing = await stack.enter_async_context(open_pacing(settings, contexts))
        if settings.asks_tokens:
            contexts.hub.most_each = settings.watches_each
        mcp = await stack.enter_async_context(
            mcp_app(Served(contexts, renderer, extensions=found()), fast=settings.mcp_fast_lane)
        )
        page = None if metrics is None else metrics.page
        insights = remembered(settings, hooks, crew)
        served = rest_call.Served(contexts, renderer, accepted, page, levels, insights=insights)
        rest = rest_app(served)
        split = _Split(rest, mcp, callers)
        coding = Coding(split)
        hooks.stands(partial(coding.variants.seen.numbers, "variants"))
        acts = acting(settings, hooks)
        guard = Guard(coding, callers.authenticate, hooks, pacing, acts)
        app = _for_pages(guard, settings)
        secure = is_secure(settings)
        if secure:
            app = StrictTransport(app)
        lanes: list[Lane] = [Hot(served, knows=knows(settings))]
        if mcp.reads is not None and knows(settings):
            lanes.append(mcp.reads)
        first = at_once(settings, lanes, callers, coding, hooks, pacing=pacing, acting=acts)
        watched = Guard(rest, Ops(loopback=is_loopback(settings.ops_host)), hooks)
        short = Shortly(app, guard, coding, strict if secure else None)
        yield Running(app, contexts, watched, first, short)


def message_formats() -> Mapping[str, Format]:
    """Those that are built in, and those of extensions.

    Raises:
        ConfigError: an extension is broken.
    """
    from backstory.processing.accepted import with_extensions

    return with_extensions().formats


def renderer_of(
    contexts: Contexts,
    settings: Settings,
    formats: Mapping[str, Format],
    hooks: Hooks = SILENCE,
) -> Renderer:
    """Renders windows through the context managers' reader, in every one of the formats."""
    models = Models.read(json.loads(settings.models or "{}"), tuple(formats))
    return Renderer(
        contexts.reader,
        contexts.store,
        contexts.seal,
        formats,
        finds=contexts.searcher,
        models=models,
        hooks=hooks,
    )


def _for_pages(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Lets browsers show pages of the configured origins what they ask for (CORS)."""
    if not settings.cors_origins:
        return app
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("*",),
        expose_headers=_EXPOSED,
        max_age=600,
    )


class _Split:
    """MCP under its path, what is about tokens under theirs, REST everywhere else."""

    def __init__(self, rest: ASGIApp, mcp: ASGIApp, callers: Callers) -> None:
        self._rest = rest
        self._mcp = mcp
        self._metadata = callers.metadata
        self._authority = callers.authority

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._metadata is not None and scope["path"].startswith(_METADATA):
            await self._metadata(scope, receive, send)
            return
        if scope["path"] not in MCP_PATHS:
            authority = self._authority
            ours = authority is not None and scope["path"] in authority.paths
            await (authority if authority is not None and ours else self._rest)(
                scope, receive, send
            )
            return
        request: Request = scope["backstory.request"]
        request.routed(MCP_PATHS[0])
        await self._mcp(scope, receive, send)
