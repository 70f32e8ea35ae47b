"""What the events mean in numbers: the listener that fills the tally of the metrics."""

from __future__ import annotations

from collections.abc import Mapping

from backstory.observability.catalogue import (
    BUS_MESSAGES,
    BUS_SECONDS,
    CACHE_ANSWERS,
    CACHE_SECONDS,
    CHUNK_BYTES,
    CHUNKS,
    COMMIT_JOBS,
    COMMIT_SECONDS,
    DEPENDENCY,
    DEPENDENCY_CHANGES,
    DEPRECATED,
    RENDER_SECONDS,
    RENDERED_TOKENS,
    STEP_FAILURES,
    STEP_SECONDS,
    STORE_FAILURES,
    STORE_SECONDS,
    SUMMARIES,
    SUMMARY_SECONDS,
)
from backstory.observability.prometheus import Metrics
from backstory.ports.events import (
    OK,
    BusSpoke,
    CacheAsked,
    ChunksKept,
    Committed,
    DependencyChanged,
    DeprecatedUsed,
    Event,
    Rendered,
    Stepped,
    StoreAsked,
    Summarised,
)
from backstory.ports.hooks import Hear


class Counting:
    """`ports.hooks.Listener` that counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._count = metrics.tally.count
        self._observe = metrics.tally.observe

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {
            DeprecatedUsed: self._deprecated_used,
            Stepped: self._stepped,
            StoreAsked: self._store_asked,
            CacheAsked: self._cache_asked,
            Committed: self._committed,
            BusSpoke: self._bus_spoke,
            Rendered: self._rendered,
            Summarised: self._summarised,
            ChunksKept: self._chunks_kept,
            DependencyChanged: self._dependency_changed,
        }

    def _deprecated_used(self, event: DeprecatedUsed) -> None:
        self._count((DEPRECATED, event.route, event.method))

    def _stepped(self, event: Stepped) -> None:
        self._observe((STEP_SECONDS, event.step), event.seconds)
        if event.code != OK:
            self._count((STEP_FAILURES, event.step, event.code))

    def _store_asked(self, event: StoreAsked) -> None:
        self._observe((STORE_SECONDS, event.operation), event.seconds)
        if event.code != OK:
            self._count((STORE_FAILURES, event.operation, event.code))

    def _cache_asked(self, event: CacheAsked) -> None:
        self._observe((CACHE_SECONDS, event.operation), event.seconds)
        self._count((CACHE_ANSWERS, event.operation, event.outcome))

    def _committed(self, event: Committed) -> None:
        self._observe((COMMIT_JOBS,), event.jobs)
        self._observe((COMMIT_SECONDS,), event.seconds)

    def _bus_spoke(self, event: BusSpoke) -> None:
        self._count((BUS_MESSAGES, event.way))
        if event.way == "sent":
            self._observe((BUS_SECONDS,), event.seconds)

    def _rendered(self, event: Rendered) -> None:
        self._observe((RENDER_SECONDS, event.format), event.seconds)
        self._count((RENDERED_TOKENS, event.format), event.tokens)

    def _summarised(self, event: Summarised) -> None:
        self._observe((SUMMARY_SECONDS, event.by), event.seconds)
        self._count((SUMMARIES, event.by, event.code, event.fallback))

    def _chunks_kept(self, event: ChunksKept) -> None:
        self._count((CHUNKS,), event.chunks)
        self._count((CHUNK_BYTES,), event.bytes)

    def _dependency_changed(self, event: DependencyChanged) -> None:
        state = "there" if event.there else "away"
        self._metrics.of(DEPENDENCY, event.name).set(0 if event.there else 1)
        self._count((DEPENDENCY_CHANGES, event.name, state))
