"""Metrics for Prometheus: `ports.hooks` counted, and told in the text format.

Workers of one server share a folder (`folder.shared`), so that whichever of them is asked
answers for all: counters add up, those of workers that have ended included.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0 as TEXT
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from backstory import __version__
from backstory.errors import BackstoryError
from backstory.observability import catalogue, processes
from backstory.observability.catalogue import METRICS, Metric
from backstory.observability.folder import FOLDER
from backstory.ports.hooks import Called, Hooks, Measure, RawHeaders, Request, unmeasured

# Several workers cannot tell when a series began, so one does not, either.
disable_created_metrics()  # type: ignore[no-untyped-call]

_LIVE: Final = "gauge_livesum_"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE: Final = "none"
_UNFORESEEN: Final = "unexpected"

Look = Callable[[], Iterable[tuple[Metric, tuple[str, ...], float]]]
"""Gives metrics that are looked up when they are asked for, with the values of their labels."""


class Metrics:
    """All metrics of one process, and the page that tells those of the whole server."""

    def __init__(self, look: Look = tuple) -> None:
        self._folder = os.environ.get(FOLDER)
        self._registry = CollectorRegistry()
        self._made = {metric.name: _made(metric, self._registry) for metric in METRICS}
        self._children: dict[tuple[str, ...], Any] = {}
        self.look = look

    def of(self, metric: Metric, *labels: str) -> Any:
        """The counter, gauge or histogram for these values of its labels."""
        key = (metric.name, *labels)
        child = self._children.get(key)
        if child is None:
            made = self._made[metric.name]
            child = self._children[key] = made.labels(*labels) if labels else made
        return child

    def page(self) -> tuple[str, bytes]:
        """The media type and the text. Reads small files; to be called in a thread."""
        if self._folder is None:
            registry, pids = self._registry, [os.getpid()]
        else:
            registry, pids = CollectorRegistry(), _alive(self._folder)
            MultiProcessCollector(registry, self._folder)
        looked = CollectorRegistry()
        looked.register(_Looked(partial(self._looked, pids)))
        return TEXT, generate_latest(registry) + generate_latest(looked)

    def _looked(self, pids: list[int]) -> Iterator[tuple[Metric, tuple[str, ...], float]]:
        yield catalogue.INFO, (__version__,), 1
        yield catalogue.WORKERS, (), len(pids)
        yield from ((metric, (), value) for metric, value in processes.told(pids))
        yield from self.look()


def _alive(folder: str) -> list[int]:
    """The workers that run; what others said of the present is forgotten."""
    alive = []
    for path in sorted(Path(folder).glob(f"{_LIVE}*.db")):
        pid = int(path.stem.removeprefix(_LIVE))
        if Path(f"/proc/{pid}").exists() or not Path("/proc").exists():
            alive.append(pid)
        else:
            mark_process_dead(pid, folder)
    return alive


def _made(metric: Metric, registry: CollectorRegistry) -> Any:
    if metric.kind == "counter":
        return Counter(metric.name, metric.meaning, metric.labels, registry=registry)
    if metric.kind == "gauge":
        return Gauge(
            metric.name,
            metric.meaning,
            metric.labels,
            registry=registry,
            multiprocess_mode="livesum",
        )
    return Histogram(
        metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=registry
    )


class _Looked(Collector):
    """Metrics with values of this moment."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def collect(self) -> Iterator[Any]:
        families: dict[str, Any] = {}
        for metric, labels, value in self._look():
            if metric.name not in families:
                make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                families[metric.name] = make(metric.name, metric.meaning, labels=metric.labels)
            families[metric.name].add_metric(labels, value)
        yield from families.values()


class Counted:
    """`ports.hooks.Hooks` that count, around others that may do something else."""

    def __init__(self, metrics: Metrics, inner: Hooks) -> None:
        self._metrics, self._inner = metrics, inner

    def request(self, method: str, headers: RawHeaders) -> AbstractContextManager[Request]:
        known = method if method in _METHODS else "other"
        return _Request(self._metrics, known, self._inner.request(method, headers))

    def steps(self, of: str) -> Measure:
        inner = self._inner.steps(of)
        if inner is unmeasured:
            return partial(_Step, self._metrics)
        return partial(_MeasuredStep, self._metrics, inner)

    def dependency(self, name: str, *, there: bool) -> None:
        state = "there" if there else "away"
        self._metrics.of(catalogue.DEPENDENCY, name).set(0 if there else 1)
        self._metrics.of(catalogue.DEPENDENCY_CHANGES, name, state).inc()
        self._inner.dependency(name, there=there)


class _Request:
    """One request, counted when its answer begins."""

    __slots__ = ("_begun", "_entered", "_inner", "_method", "_metrics", "_route")

    def __init__(
        self, metrics: Metrics, method: str, inner: AbstractContextManager[Request]
    ) -> None:
        self._metrics, self._method, self._inner = metrics, method, inner
        self._route = _NO_ROUTE
        self._begun = time.perf_counter()
        self._entered: Request | None = None

    def __enter__(self) -> Self:
        self._entered = self._inner.__enter__()
        self._metrics.of(catalogue.IN_FLIGHT).inc()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._metrics.of(catalogue.IN_FLIGHT).dec()
        self._inner.__exit__(kind, error, trace)

    @property
    def _heard(self) -> Request:
        assert self._entered is not None, "a request is told of while it is served"
        return self._entered

    @property
    def trace_id(self) -> str:
        return self._heard.trace_id

    def routed(self, route: str) -> None:
        self._route = route
        self._heard.routed(route)

    def answered(self, status: int) -> None:
        taken = time.perf_counter() - self._begun
        of = self._metrics.of
        of(catalogue.REQUESTS, self._route, self._method, str(status)).inc()
        of(catalogue.REQUEST_SECONDS, self._route, self._method).observe(taken)
        self._heard.answered(status)

    def failed(self, code: str) -> None:
        self._metrics.of(catalogue.ERRORS, self._route, code).inc()
        self._heard.failed(code)

    def called(self, call: Called) -> None:
        self._metrics.of(catalogue.MCP_CALLS, call.method, call.tool, call.code).inc()
        self._metrics.of(catalogue.MCP_SECONDS, call.method, call.tool).observe(call.seconds)
        self._heard.called(call)


class _Step:
    """One step of processing, in whatever thread it is done."""

    __slots__ = ("_begun", "_metrics", "_name")

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._metrics, self._name = metrics, name
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        taken = time.perf_counter() - self._begun
        self._metrics.of(catalogue.STEP_SECONDS, self._name).observe(taken)
        if error is not None:
            code = error.code if isinstance(error, BackstoryError) else _UNFORESEEN
            self._metrics.of(catalogue.STEP_FAILURES, self._name, code).inc()


class _MeasuredStep(_Step):
    """One that somebody else measures as well."""

    __slots__ = ("_inner",)

    def __init__(self, metrics: Metrics, measure: Measure, name: str) -> None:
        super().__init__(metrics, name)
        self._inner = measure(name)

    def __enter__(self) -> None:
        self._inner.__enter__()
        super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._inner.__exit__(kind, error, trace)
