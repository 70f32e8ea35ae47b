"""Who hears of what the server does: telemetry and metrics."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from backstory.config import Settings, StoreUrl
from backstory.contexts.service import Contexts
from backstory.errors import ConfigError
from backstory.observability import catalogue as observed
from backstory.observability import files
from backstory.observability.asking import asked
from backstory.observability.crew import Crew
from backstory.observability.prometheus import Metrics
from backstory.ports.hooks import SILENCE, Hooks
from backstory.security import certificates
from backstory.wiring.secure import tls_options


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


def sampled(metrics: Metrics, contexts: Contexts, lag: float) -> None:
    metrics.of(observed.LOOP_LAG).observe(lag)
    metrics.of(observed.WATCHERS).set(contexts.hub.watching)


def looked_up(settings: Settings, crew: Crew | None) -> files.Found:
    """What is looked up of the server's files and workers when it is asked for its metrics."""
    if crew is not None:
        yield from crew.told()
    if isinstance(settings.store, StoreUrl):
        yield from files.store(settings.store.path)
    yield from files.certificate(partial(_certificate_ends, settings))


def _certificate_ends(settings: Settings) -> float | None:
    try:
        options = tls_options(settings)
        return None if options is None else certificates.read(options.certificate).ends
    except ConfigError:
        return None
