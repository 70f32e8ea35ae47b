"""OpenTelemetry's providers with OTLP over HTTP, opened and closed with the server.

The providers are our own and not the global ones, or whatever library knows OpenTelemetry would
send names and messages that are not ours to tell.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import anyio
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from backstory import __version__, limits
from backstory.observability.asking import Asked
from backstory.observability.telemetry import Telemetry

logger = logging.getLogger(__name__)

_NAME: Final = "backstory"
_UNNAMED: Final = "unknown_service"  # what the SDK says where the variables name no service


@asynccontextmanager
async def exported(asked: Asked) -> AsyncIterator[Telemetry]:
    """Hooks whose spans and metrics are sent in the background, and at the end what is left."""
    resource = Resource.create({"service.version": __version__})
    if str(resource.attributes["service.name"]).startswith(_UNNAMED):
        resource = resource.merge(Resource({"service.name": _NAME}))
    tracer = meter = None
    async with AsyncExitStack() as stack:
        if asked.traces:
            traces = TracerProvider(resource=resource, shutdown_on_exit=False)
            traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            stack.push_async_callback(_shut, traces.shutdown)
            tracer = traces.get_tracer(_NAME, __version__)
        if asked.metrics:
            reader = PeriodicExportingMetricReader(OTLPMetricExporter())
            metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
            stack.push_async_callback(_shut, metrics.shutdown)
            meter = metrics.get_meter(_NAME, __version__)
        yield Telemetry(tracer, meter)


async def _shut(shutdown: Callable[[], None]) -> None:
    """Sends what is left, and does not wait for a collector that is not there."""
    done = threading.Event()

    def work() -> None:
        try:
            shutdown()
        finally:
            done.set()

    # A daemon, so that the process may end before it.
    threading.Thread(target=work, name="telemetry-shutdown", daemon=True).start()
    ended = await anyio.to_thread.run_sync(done.wait, limits.TELEMETRY_SECONDS)
    if not ended:
        logger.warning("the collector of telemetry did not answer in time; what was left is lost")
