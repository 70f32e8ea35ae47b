"""Numbers that are not told but stand: depths of queues, hits of memories, sizes of pools.

Whoever has some says so to the hooks (`Hooks.stands`); they are looked at a few times a second.
"""

from __future__ import annotations

import logging
from typing import Final

from backstory.observability.catalogue import METRICS, Metric
from backstory.observability.prometheus import Metrics
from backstory.observability.telling import Told

logger = logging.getLogger(__name__)

_METRICS: Final = {
    metric.name.removeprefix("backstory_").removesuffix("_total"): metric for metric in METRICS
}


class Standing:
    """Shows what stands. A counter's number is what it has come to since the start."""

    def __init__(self, metrics: Metrics, told: Told) -> None:
        self._metrics, self._told = metrics, told
        self._last: dict[tuple[Metric, tuple[str, ...]], float] = {}

    def look(self) -> None:
        for numbers in self._told.standing:
            try:
                for name, labels, value in numbers():
                    self._show(_METRICS[name], labels, value)
            except Exception:
                logger.exception("numbers could not be looked at")

    def _show(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        if metric.kind == "gauge":
            self._metrics.of(metric, *labels).set(value)
            return
        key = (metric, labels)
        more, self._last[key] = value - self._last.get(key, 0), value
        if more > 0:
            self._metrics.of(metric, *labels).inc(more)
