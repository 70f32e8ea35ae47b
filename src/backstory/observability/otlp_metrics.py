"""Metrics of steps and dependencies over OTLP, by OpenTelemetry's API; `/metrics` has them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.metrics import Meter

from backstory.observability.catalogue import STEPS
from backstory.ports.events import OK, DependencyChanged, Event, Stepped
from backstory.ports.hooks import Hear

STEP_SECONDS: Final = "backstory.step.duration"
STEP_FAILURES: Final = "backstory.step.failures"
DEPENDENCY_CHANGES: Final = "backstory.dependency.changes"
STEP: Final = "backstory.step"
DEPENDENCY: Final = "backstory.dependency"
STATE: Final = "backstory.state"
ERROR: Final = "error.type"


class OtlpMetrics:
    """`ports.hooks.Listener` that measures with a meter."""

    def __init__(self, meter: Meter) -> None:
        self._seconds = meter.create_histogram(
            STEP_SECONDS,
            "s",
            "Time that a step of processing took",
            explicit_bucket_boundaries_advisory=STEPS,
        )
        self._failures = meter.create_counter(
            STEP_FAILURES, "{failure}", "Steps of processing that rejected what was sent"
        )
        self._changes = meter.create_counter(
            DEPENDENCY_CHANGES, "{change}", "How often a dependency went away and came back"
        )

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {Stepped: self._stepped, DependencyChanged: self._dependency_changed}

    def _stepped(self, event: Stepped) -> None:
        self._seconds.record(event.seconds, {STEP: event.step})
        if event.code != OK:
            self._failures.add(1, {STEP: event.step, ERROR: event.code})

    def _dependency_changed(self, event: DependencyChanged) -> None:
        self._changes.add(1, {DEPENDENCY: event.name, STATE: "there" if event.there else "away"})
