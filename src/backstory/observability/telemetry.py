"""Spans and metrics of what the hooks tell, by OpenTelemetry's API.

A request is one span of kind server, a child of the caller's where it sent `traceparent`; each
step done for it is a child of that. Spans carry names out of the code and of kinds, and codes of
errors; no message, since those may quote what was sent.
"""

from __future__ import annotations

import secrets
import time
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from functools import partial
from types import TracebackType
from typing import Final, Self

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from backstory.errors import BackstoryError
from backstory.ports.hooks import OK, Called, Measure, RawHeaders, Request

STEP_SECONDS: Final = "backstory.step.duration"
STEP_FAILURES: Final = "backstory.step.failures"
STEP: Final = "backstory.step"
OF: Final = "backstory.of"
DEPENDENCY_CHANGES: Final = "backstory.dependency.changes"
DEPENDENCY: Final = "backstory.dependency"
STATE: Final = "backstory.state"
ERROR: Final = "error.type"

_BOUNDARIES: Final = (1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TRACE_CONTEXT: Final = frozenset({b"traceparent", b"tracestate"})
_UNFORESEEN: Final = "unexpected"

_SERVED: ContextVar[Span | None] = ContextVar("backstory_request_span", default=None)


class Telemetry:
    """`ports.hooks.Hooks`. Without a tracer there are no spans, without a meter no metrics."""

    def __init__(self, tracer: Tracer | None, meter: Meter | None) -> None:
        self._propagator = TraceContextTextMapPropagator()
        self.tracer = tracer
        self.seconds = self.failures = self.changes = None
        if meter is not None:
            self.seconds = meter.create_histogram(
                STEP_SECONDS,
                "s",
                "Time that a step of processing took",
                explicit_bucket_boundaries_advisory=_BOUNDARIES,
            )
            self.failures = meter.create_counter(
                STEP_FAILURES, "{failure}", "Steps of processing that rejected what was sent"
            )
            self.changes = meter.create_counter(
                DEPENDENCY_CHANGES, "{change}", "How often a dependency went away and came back"
            )

    def request(self, method: str, headers: RawHeaders) -> AbstractContextManager[Request]:
        method = method if method in _METHODS else "HTTP"
        if self.tracer is None:
            return _Heard(method, None)
        sent = {
            name.decode(): value.decode("latin-1")
            for name, value in headers
            if name in _TRACE_CONTEXT
        }
        caller = self._propagator.extract(sent, Context()) if sent else Context()
        span = self.tracer.start_span(method, context=caller, kind=SpanKind.SERVER)
        span.set_attribute("http.request.method", method if method in _METHODS else "_OTHER")
        return _Heard(method, span)

    def steps(self, of: str) -> Measure:
        return partial(_Step, self, of, _SERVED.get())

    def dependency(self, name: str, *, there: bool) -> None:
        if self.changes is not None:
            self.changes.add(1, {DEPENDENCY: name, STATE: "there" if there else "away"})


class _Heard:
    """One request, its span being what its steps hang on."""

    __slots__ = ("_method", "_span", "_token", "trace_id")

    def __init__(self, method: str, span: Span | None) -> None:
        self._method = method
        self._span = span
        self._token: Token[Span | None] | None = None
        if span is None:
            self.trace_id = secrets.token_hex(16)
        else:
            self.trace_id = f"{span.get_span_context().trace_id:032x}"

    def __enter__(self) -> Self:
        self._token = _SERVED.set(self._span)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del error, trace
        assert self._token is not None
        _SERVED.reset(self._token)
        if self._span is not None:
            if kind is not None:
                self._fail(_UNFORESEEN)
            self._span.end()

    def routed(self, route: str) -> None:
        if self._span is not None:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute("http.route", route)

    def answered(self, status: int) -> None:
        if self._span is not None:
            self._span.set_attribute("http.response.status_code", status)
            if status >= 500:
                self._fail(str(status))

    def failed(self, code: str) -> None:
        del code  # what a client did wrong is no failure of the server; the status tells the rest

    def called(self, call: Called) -> None:
        if self._span is not None:
            self._span.set_attribute("mcp.method.name", call.method)
            if call.tool:
                self._span.set_attribute("gen_ai.tool.name", call.tool)
            if call.code != OK:
                self._span.set_attribute(ERROR, call.code)

    def _fail(self, what: str) -> None:
        if self._span is not None:
            self._span.set_attribute(ERROR, what)
            self._span.set_status(StatusCode.ERROR)


class _Step:
    """One step: a span under its request's, where there is one, and its time."""

    __slots__ = ("_begun", "_name", "_of", "_parent", "_span", "_telemetry")

    def __init__(self, telemetry: Telemetry, of: str, parent: Span | None, name: str) -> None:
        self._telemetry = telemetry
        self._of = of
        self._parent = parent
        self._name = name
        self._span: Span | None = None
        self._begun = 0.0

    def __enter__(self) -> None:
        if self._parent is not None and self._telemetry.tracer is not None:
            self._span = self._telemetry.tracer.start_span(
                self._name,
                context=set_span_in_context(self._parent, Context()),
                attributes={STEP: self._name, OF: self._of},
            )
        self._begun = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        taken = time.perf_counter() - self._begun
        labels = {STEP: self._name}
        if self._telemetry.seconds is not None:
            self._telemetry.seconds.record(taken, labels)
        code = None if error is None else _code(error)
        if code is not None and self._telemetry.failures is not None:
            self._telemetry.failures.add(1, labels | {ERROR: code})
        if self._span is not None:
            if code is not None:
                self._span.set_attribute(ERROR, code)
                self._span.set_status(StatusCode.ERROR)
            self._span.end()


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, BackstoryError) else _UNFORESEEN
