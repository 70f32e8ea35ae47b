"""What the events mean in numbers: the listener that fills the tally of the metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

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
    Metric,
)
from backstory.observability.gathering import HearAll
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
    """`ports.hooks.Listener` that counts; a `Gatherer` of what is told of most."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._count = metrics.tally.count
        self._observe = metrics.tally.observe

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {
            DeprecatedUsed: self._deprecated_used,
            CacheAsked: self._cache_asked,
            Committed: self._committed,
            BusSpoke: self._bus_spoke,
            Rendered: self._rendered,
            Summarised: self._summarised,
            ChunksKept: self._chunks_kept,
            DependencyChanged: self._dependency_changed,
        }

    def gathering(self) -> Mapping[type[Event], HearAll]:
        return {Stepped: self._stepped, StoreAsked: self._store_asked}

    def _deprecated_used(self, event: DeprecatedUsed) -> None:
        self._count((DEPRECATED, event.route, event.method))

    def _stepped(self, events: Sequence[Stepped]) -> None:
        done = ((event.step, event.code, event.seconds) for event in events)
        self._took(STEP_SECONDS, STEP_FAILURES, done)

    def _store_asked(self, events: Sequence[StoreAsked]) -> None:
        done = ((event.operation, event.code, event.seconds) for event in events)
        self._took(STORE_SECONDS, STORE_FAILURES, done)

    def _took(
        self, seconds: Metric, failures: Metric, done: Iterable[tuple[str, str, float]]
    ) -> None:
        """Each of what was done, with what came of it: of some kinds there are several a request."""
        taken: defaultdict[str, list[float]] = defaultdict(list)
        for what, code, each in done:
            taken[what].append(each)
            if code != OK:
                self._count((failures, what, code))
        for what, all_of_it in taken.items():
            self._observe((seconds, what), *all_of_it)

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
