"""A collector of telemetry on a free port: it takes OTLP over HTTP as a real one does."""

import contextlib
import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

STEP = "backstory.step"


class Collector:
    """What was exported to it."""

    def __init__(self):
        self.bodies = []
        self.resources = []
        self.spans = []
        self.metrics = []

    def take(self, path, body):
        self.bodies.append(body)
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(_attributes(resource.resource))
                for scope in resource.scope_spans:
                    self.spans += [Span(span) for span in scope.spans]
        elif path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.resources.append(_attributes(resource.resource))
                for scope in resource.scope_metrics:
                    self.metrics += scope.metrics
        else:
            raise AssertionError(path)

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def steps(self, parent):
        """The spans of steps done for a request, by their name."""
        return {span.name: span for span in self._under(parent) if span.attributes.get(STEP)}

    def parts(self, parent):
        """The first spans of other parts of a request or part, by their name."""
        found = {}
        for span in self._under(parent):
            if STEP not in span.attributes:
                found.setdefault(span.name, span)
        return found

    def _under(self, parent):
        return [span for span in self.spans if span.parent == parent.id]

    def points(self, name):
        """The last data points of a metric, by their labels."""
        found = {}
        for metric in self.metrics:
            if metric.name == name:
                for point in (metric.histogram if metric.unit == "s" else metric.sum).data_points:
                    found[tuple(sorted(_attributes(point).items()))] = point
        return found


class Span:
    def __init__(self, span):
        self.name = span.name
        self.trace = span.trace_id.hex()
        self.id = span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.attributes = _attributes(span)
        self.links = [(link.trace_id.hex(), link.span_id.hex()) for link in span.links]
        self.failed = span.status.code == span.status.STATUS_CODE_ERROR


def _attributes(thing):
    return {each.key: _value(each.value) for each in thing.attributes}


def _value(value):
    return getattr(value, value.WhichOneof("value"))


@contextlib.contextmanager
def collecting():
    """The collector, and the variables that send telemetry to it."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield collector, {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
