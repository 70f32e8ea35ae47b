"""Who hears of what the server does: telemetry and metrics."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from backstory import limits
from backstory.config import Settings, StoreUrl
from backstory.contexts.service import Contexts
from backstory.observability import catalogue as observed
from backstory.observability import files
from backstory.observability.asking import asked
from backstory.observability.counting import Counting
from backstory.observability.crew import Crew
from backstory.observability.lagging import flushing, looking, repeating
from backstory.observability.logs.access import Access
from backstory.observability.logs.levels import Levels
from backstory.observability.logs.lines import CALLERS
from backstory.observability.logs.setup import present
from backstory.observability.prometheus import Metrics
from backstory.observability.standing import Standing
from backstory.observability.telling import Told
from backstory.ports.log_levels import WORDS, LogLevels
from backstory.wiring.health import certificate_ends


@asynccontextmanager
async def open_hooks(environ: Mapping[str, str] = os.environ) -> AsyncIterator[Told]:
    """What is told goes to whom the `OTEL_*` variables ask for, and to who listens later.

    Raises:
        ConfigError: they ask for something that there is not.
    """
    wanted, told = asked(environ), Told()
    if not (wanted.traces or wanted.metrics):
        yield told
        return
    # Here, so that a server without telemetry does not load it.
    from backstory.observability.exporting import exported

    async with exported(wanted, told):
        yield told


@asynccontextmanager
async def counted(
    settings: Settings, told: Told, crew: Crew | None
) -> AsyncIterator[Metrics | None]:
    """Counts what is told, while entered; None where the settings want no metrics."""
    if not settings.metrics:
        yield None
        return
    metrics = Metrics(partial(looked_up, settings, crew or Crew()))
    told.listen_later(Counting(metrics))
    metrics.gather = told.drain
    metrics.takes.append(told.count().take)
    yield metrics


def remembered(
    settings: Settings, told: Told, crew: Crew | None
) -> Callable[[], dict[str, Any]] | None:
    """What the newest requests tell; None where the settings want none to be remembered."""
    told.sample = settings.access_sample
    if not settings.insights:
        return None
    from backstory.observability.analysis.recent import Recent

    recent = Recent()
    told.listen(recent)
    return lambda: recent.insights(1 if crew is None else crew.wanted)


@asynccontextmanager
async def logged(
    settings: Settings, told: Told, contexts: Contexts
) -> AsyncIterator[LogLevels | None]:
    """Lines tell of callers, and of each request where that is wanted; the level may change.

    None where the process has no log of ours.
    """
    log = present()
    if log is None:
        yield None
        return
    CALLERS.know(partial(_name, contexts))
    told.stands(log.numbers)
    if settings.access_log:
        told.listen_later(Access(log))
    word = next(each for each in WORDS if each == settings.log_level)
    levels = Levels(contexts.store, contexts.clock, word, settings.log_level_file)
    try:
        async with levels.looking(), repeating(_drain, told, limits.METRICS_SECONDS):
            yield levels
    finally:
        told.drain()


async def _drain(told: Told) -> None:
    told.drain()


def _name(contexts: Contexts, tenant: str, subject: str) -> str:
    return contexts.seal.hash("log", tenant.encode(), subject.encode()).hex()[:16]


@asynccontextmanager
async def sampled(metrics: Metrics, told: Told, contexts: Contexts) -> AsyncIterator[None]:
    """Looks now and then at what is not told but stands, while entered."""
    told.stands(lambda: (("watchers", (), contexts.hub.watching),))
    observe = partial(metrics.tally.observe, (observed.LOOP_LAG,))
    shown = flushing(metrics, Standing(metrics, told).look)
    async with looking(observe), shown, repeating(_seen, contexts, limits.CHECK_LOOK_SECONDS):
        yield


async def _seen(contexts: Contexts) -> None:
    """Look at what `/healthz` tells of, for the metrics; a look is no longer than its deadline."""
    await asyncio.gather(contexts.checks.seen(), contexts.surroundings.seen())


def looked_up(settings: Settings, crew: Crew) -> files.Found:
    """What is looked up of the server's files and workers when it is asked for its metrics."""
    yield from crew.told()
    yield observed.WORKER_MEMORY, (), settings.worker_memory_megabytes * limits.MIB
    if isinstance(settings.store, StoreUrl):
        yield from files.store(settings.store.path)
    for route in settings.routes:
        if isinstance(route.url, StoreUrl):
            yield from files.store(route.url.path, route.name)
    yield from files.certificate(partial(certificate_ends, settings))
