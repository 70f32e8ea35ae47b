"""The context managers over whatever the settings name."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from backstory import extensions
from backstory.clock import Clock, SystemClock
from backstory.config import Settings
from backstory.contexts.rotating import Rotation
from backstory.contexts.scrubbing import Scrub
from backstory.contexts.service import Contexts
from backstory.domain.quotas import Quota
from backstory.observability.health.clocks import ClockWatch
from backstory.observability.summarisers import ToldSummariser
from backstory.ports.audits import Apart
from backstory.ports.hooks import SILENCE, Hooks, Number
from backstory.ports.summariser import Summarising
from backstory.processing import choosing
from backstory.processing.ruling import PipelineRules
from backstory.processing.schemas import packaged
from backstory.processing.transforms import catalogue
from backstory.rendering.counters import COUNTERS, count_stored, ready
from backstory.resilience.checking import Dependency
from backstory.resilience.pace import Pace
from backstory.summarising import making
from backstory.wiring.health import numbers, surroundings
from backstory.wiring.routed import open_stores, routing_of
from backstory.wiring.stores import Opened, open_bus

logger = logging.getLogger(__name__)

_SWEEPER: Final = "the sweeper has stopped; nothing expires in the background"
_ROTATION: Final = "the rotation of keys has stopped; keys grow old"
_SCRUB: Final = "the scrub has stopped; nobody looks whether the store is whole"


@asynccontextmanager
async def open_contexts(
    settings: Settings,
    hooks: Hooks = SILENCE,
    *,
    serving: bool = False,
    sweep: bool = True,
    dependencies: Iterable[Dependency] = (),
) -> AsyncIterator[Contexts]:
    """The context managers over the store that the settings name, with their sweeper if wanted.

    Only those who are `serving` make summaries, when asked and as the settings say. More
    `dependencies` are looked at with those of the contexts.

    Raises:
        ConfigError: an extension is broken, or the key for the summariser cannot be read.
        StoreError: the store cannot be opened; the detail says why and what to do.
    """
    clock = SystemClock()
    rules = _rules(settings, hooks)
    async with AsyncExitStack() as stack:
        wanted = making.read(json.loads(settings.summariser or "{}"))
        summarising = _summarising(wanted, settings, clock, hooks) if serving else None
        if summarising is not None:
            stack.push_async_callback(summarising.summariser.aclose)
        opened, apart = await open_stores(settings, clock, hooks)
        stack.push_async_callback(opened.store.aclose)
        bus = open_bus(settings, opened, hooks, serving=serving)
        stack.push_async_callback(bus.aclose)
        first = _Kept.of(settings, opened, clock)
        kept = {name: _Kept.of(settings, each, clock) for name, each in apart.items()}
        await asyncio.to_thread(ready)
        watch = ClockWatch(opened.time)
        contexts = Contexts(
            opened.store,
            bus,
            clock,
            rules,
            summarising=summarising,
            scrub=first.scrub,
            dependencies=[
                *opened.dependencies,
                Dependency("bus", bus.check),
                Dependency("integrity", first.scrub.check),
                *(Dependency(f"integrity.{name}", own.scrub.check) for name, own in kept.items()),
                *dependencies,
            ],
            surroundings=[
                *surroundings(settings, watch, hooks),
                *first.keys("keys"),
                *(each for name, own in kept.items() for each in own.keys(f"keys.{name}")),
            ],
        )
        contexts.quotas.default = quota_of(settings)
        trails = {name: Apart(each.audits, each.store.secret) for name, each in apart.items()}
        contexts.keeps(opened.audits, trails)
        if apart:
            contexts.store_of = routing_of(settings).of
        stack.push_async_callback(contexts.aclose)
        if sweep:
            await stack.enter_async_context(_kept(contexts.sweeper.run(), _SWEEPER))
        if serving:
            await _look_after(stack, hooks, first, kept)
        if serving and wanted.rules is not None:
            background = contexts.background(wanted.rules)
            await stack.enter_async_context(background.running(contexts.writer))
            hooks.stands(lambda: (("queue_depth", ("summaries",), background.waiting),))
        hooks.stands(partial(_standing, contexts))
        hooks.stands(partial(numbers, contexts, watch))
        yield contexts


@dataclass(frozen=True, slots=True)
class _Kept:
    """What looks after a store: the first, or one that is routed to."""

    scrub: Scrub
    rotation: Rotation | None

    @classmethod
    def of(cls, settings: Settings, opened: Opened, clock: Clock) -> _Kept:
        scrub = Scrub(opened.scrubs, opened.store, clock, settings.scrub_hours)
        return cls(scrub, _rotation(settings, opened, clock))

    @asynccontextmanager
    async def looked_after(self) -> AsyncIterator[None]:
        """Meanwhile its scrub and its rotation run."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_kept(self.scrub.run(), _SCRUB))
            if self.rotation is not None:
                await stack.enter_async_context(_kept(self.rotation.run(), _ROTATION))
            yield

    def keys(self, name: str) -> Sequence[Dependency]:
        """How its keys stand, where it has some."""
        return () if self.rotation is None else (Dependency(name, self.rotation.check),)

    def numbers(self, name: str) -> Iterator[Number]:
        """The damage that its scrub has found."""
        for number, labels, value in self.scrub.numbers():
            if labels:
                yield number, (f"{labels[0]}.{name}",), value


async def _look_after(
    stack: AsyncExitStack, hooks: Hooks, first: _Kept, apart: Mapping[str, _Kept]
) -> None:
    """From now until the stack ends; `apart` are those that are routed to, by name."""
    hooks.stands(first.scrub.numbers)
    for name, own in apart.items():
        hooks.stands(partial(own.numbers, name))
    for own in (first, *apart.values()):
        await stack.enter_async_context(own.looked_after())


def _rules(settings: Settings, hooks: Hooks) -> PipelineRules:
    return PipelineRules(
        _chosen(settings), hooks, packaged=extensions.made(packaged.GROUP), count=count_stored
    )


def _rotation(settings: Settings, opened: Opened, clock: Clock) -> Rotation | None:
    if not settings.master_key:
        return None
    return Rotation(opened.keyed, opened.store, clock, settings.key_days)


def quota_of(settings: Settings) -> Quota:
    """What a tenant may keep of which nothing else is said."""
    return Quota(settings.quota_contexts or None, settings.quota_bytes or None)


def _summarising(
    wanted: making.Wanted, settings: Settings, clock: Clock, hooks: Hooks
) -> Summarising:
    """Whoever makes summaries; their lengths are counted as OpenAI's models count."""
    count = COUNTERS["o200k_base"].count
    summariser = making.make(wanted, settings.summariser_key, count, Pace(clock=clock))
    return Summarising(ToldSummariser(summariser, hooks, making.KNOWN), count)


def _standing(contexts: Contexts) -> Iterator[Number]:
    for code, runs in contexts.sweeper.runs.items():
        yield "sweeps", (code,), runs
    yield "swept", (), contexts.sweeper.done
    beliefs = contexts.ruler.beliefs
    yield from beliefs.rules_seen.numbers("rules")
    yield from beliefs.kinds_seen.numbers("kinds")


def _chosen(settings: Settings) -> choosing.Rules | None:
    """The operator's rules for transforms, which the settings have checked."""
    makers = catalogue.extension_makers()
    return (
        choosing.rules_of(json.loads(settings.processing), makers) if settings.processing else None
    )


@asynccontextmanager
async def _kept(work: Coroutine[Any, Any, None], end: str) -> AsyncIterator[None]:
    """Keeps a task alive: it handles what it can foresee, the rest is logged here."""
    task = asyncio.create_task(work, name=end.split(" has ", 1)[0])
    task.add_done_callback(partial(_tell_of_end, end))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def _tell_of_end(end: str, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s", end, exc_info=error)
