"""Spans of what was recorded of requests, by OpenTelemetry's SDK.

A request is one span of kind server, a child of the caller's where it named one by W3C trace
context, in its headers or in `_meta` of the MCP message that it carried; each part and step is
a child of that or of the part it lay in. Whether it is recorded is decided when it comes, by
the sampler that the standard variables name; what is not recorded costs no more than that.
Spans are made once the request is over, all at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import AttributeValue

from backstory import __version__
from backstory.observability.served import NO_ROUTE, OTHER
from backstory.ports.events import OK, PARTS, Ended, Event, Origin, Part, Traced
from backstory.ports.hooks import Hear

STEP: Final = "backstory.step"
OF: Final = "backstory.of"
ERROR: Final = "error.type"
NAME: Final = "backstory"

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_FAILED: Final = Status(StatusCode.ERROR)
_UNSET: Final = Status(StatusCode.UNSET)
_NOWHERE: Final = Context()
_REQUEST: Final = "request"


class Traces:
    """`ports.hooks.Listener` that makes spans; `starts` decides which requests are recorded.

    What was recorded has ended, so that its spans are made whole, and given to the processor: a
    third of what it costs to begin, fill and end each.
    """

    def __init__(self, processor: SpanProcessor, resource: Resource, sampler: Sampler) -> None:
        self._processor, self._resource, self._sampler = processor, resource, sampler
        self._scope = InstrumentationScope(NAME, __version__)
        self._propagator = TraceContextTextMapPropagator()
        # What begins a trace here is by far the most: where a sampler takes it by its number
        # alone, nobody has to be asked about those that it does not take.
        root = getattr(sampler, "_root", sampler)
        self.bound = 0 if root is ALWAYS_OFF else 1 << 64
        if isinstance(root, TraceIdRatioBased):
            self.bound = root.bound

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {Traced: self._traced}

    def starts(self, parent: str, state: str, trace: int) -> Origin:
        """Which trace a request belongs to that came with this W3C trace context.

        Where it begins one, that has the number `trace`.
        """
        if not parent:
            result = self._sampler.should_sample(_NOWHERE, trace, _REQUEST, SpanKind.SERVER)
            return Origin(trace, recorded=result.decision is Decision.RECORD_AND_SAMPLE)
        sent = {"traceparent": parent} | ({"tracestate": state} if state else {})
        context = self._propagator.extract(sent, Context())
        caller = get_current_span(context).get_span_context()
        if not caller.is_valid:
            return self.starts("", "", trace)
        result = self._sampler.should_sample(context, caller.trace_id, _REQUEST, SpanKind.SERVER)
        kept = result.trace_state.to_header() if result.trace_state else ""
        sampled = result.decision is Decision.RECORD_AND_SAMPLE
        return Origin(caller.trace_id, caller.span_id, kept, recorded=sampled)

    def _traced(self, event: Traced) -> None:
        origin = event.origin
        state = TraceState.from_header([origin.state]) if origin.state else None
        parent = SpanContext(origin.trace, origin.parent, True, _SAMPLED, state)
        for part in event.parts:
            self._part(origin.trace, state, part)
        failed = event.request.status >= 500 or event.request.status == 0
        self._send(
            _name(event.request),
            context=SpanContext(origin.trace, event.id, False, _SAMPLED, state),
            parent=parent if origin.parent else None,
            kind=SpanKind.SERVER,
            attributes=_attributes(event.request),
            links=_links(origin),
            status=_FAILED if failed else _UNSET,
            start_time=event.begun,
            end_time=event.ended,
        )

    def _part(self, trace: int, state: TraceState | None, part: Part) -> None:
        attributes = {} if part.name in PARTS else {STEP: part.name}
        if part.of:
            attributes[OF] = part.of
        if part.code != OK:
            attributes[ERROR] = part.code
        self._send(
            part.name,
            context=SpanContext(trace, part.id, False, _SAMPLED, state),
            parent=SpanContext(trace, part.parent, False, _SAMPLED, state),
            attributes=attributes,
            status=_UNSET if part.code == OK else _FAILED,
            start_time=part.begun,
            end_time=part.ended,
        )

    def _send(self, name: str, **more: Any) -> None:
        more |= {"resource": self._resource, "instrumentation_scope": self._scope}
        self._processor.on_end(ReadableSpan(name, **more))


def _links(origin: Origin) -> list[Link]:
    """The span that the HTTP request named, where its message named another."""
    if origin.link is None:
        return []
    return [Link(SpanContext(*origin.link, True, _SAMPLED))]


def _name(request: Ended) -> str:
    method = "HTTP" if request.method == OTHER else request.method
    return method if request.route == NO_ROUTE else f"{method} {request.route}"


def _attributes(request: Ended) -> dict[str, AttributeValue]:
    known = request.method != OTHER
    found: dict[str, AttributeValue] = {
        "http.request.method": request.method if known else "_OTHER"
    }
    if request.route != NO_ROUTE:
        found["http.route"] = request.route
    if request.status:
        found["http.response.status_code"] = request.status
    if request.status >= 500 or request.status == 0:
        found[ERROR] = str(request.status) if request.status else request.code
    for call in request.calls:
        found["mcp.method.name"] = call.method
        if call.tool:
            found["gen_ai.tool.name"] = call.tool
        if call.code != OK:
            found[ERROR] = call.code
    return found
