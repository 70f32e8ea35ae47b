"""A collector of traces: takes OTLP over HTTP and writes a line of JSON for each span."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observing.listening import Arrived


class Traces:
    """Appends to a file what arrives. It has no index: one looks for a trace with grep."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.touch()

    def answer(self, request: Arrived) -> tuple[int, bytes]:
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(span)}\n" for span in _spans(body))
        return 200, b"{}"


def _spans(body: bytes) -> Iterator[dict[str, Any]]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            yield from map(_told, scope.spans)


def _told(span: Any) -> dict[str, Any]:
    taken = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    values = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "name": span.name,
        "milliseconds": round(taken, 3),
        "attributes": values,
    }
