"""Metrics for Prometheus, told in the text format.

Workers of one server share a folder (`folder.shared`), so that whichever of them is asked
answers for all: counters add up, those of workers that have ended included.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

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
from backstory.observability import catalogue, processes
from backstory.observability.catalogue import METRICS, WORST, Metric
from backstory.observability.folder import FOLDER
from backstory.observability.tallying import Key, Taken, Tally

# Several workers cannot tell when a series began, so one does not, either.
disable_created_metrics()  # type: ignore[no-untyped-call]

_LIVE: Final = "gauge_livesum_"

Look = Callable[[], Iterable[tuple[Metric, tuple[str, ...], float]]]
"""Gives metrics that are looked up when they are asked for, with the values of their labels."""


class Metrics:
    """All metrics of one process, and the page that tells those of the whole server."""

    def __init__(self, look: Look = tuple) -> None:
        self._folder = os.environ.get(FOLDER)
        self._registry = CollectorRegistry()
        self._made = {metric.name: _made(metric, self._registry) for metric in METRICS}
        self._children: dict[Key, Any] = {}
        self._flushing = Lock()
        self.tally = Tally()
        self.takes: list[Callable[[], Taken]] = [self.tally.take]
        """Give what was counted since they were asked last."""
        self.gather: Callable[[], None] = lambda: None
        """Called before that is shown."""
        self.look = look

    def of(self, metric: Metric, *labels: str | int) -> Any:
        """The counter, gauge or histogram for these values of its labels."""
        key: Key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            made = self._made[metric.name]
            child = self._children[key] = made.labels(*labels) if labels else made
        return child

    def flush(self) -> None:
        """Show what was tallied. From any thread."""
        self.gather()
        with self._flushing:
            for take in self.takes:
                self._show(*take())

    def _show(self, counts: dict[Key, float], seen: dict[Key, list[float]]) -> None:
        for key, count in counts.items():
            if count or key not in self._children:
                self.of(*key).inc(count)
        for key, found in seen.items():
            if not any(found):
                continue
            histogram = self.of(*key)
            # What `observe` does, for many values at once; there is no public way.
            histogram._sum.inc(found[-1])  # noqa: SLF001
            for bucket, more in zip(histogram._buckets, found[:-1], strict=True):  # noqa: SLF001
                if more:
                    bucket.inc(more)

    def page(self) -> tuple[str, bytes]:
        """The media type and the text. Reads small files; to be called in a thread."""
        self.flush()
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
            multiprocess_mode="livemax" if metric in WORST else "livesum",
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
