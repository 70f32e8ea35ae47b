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
from backstory.observability.otlp_metrics import OtlpMetrics
from backstory.observability.telling import Told
from backstory.observability.traces import NAME, Traces

logger = logging.getLogger(__name__)

_UNNAMED: Final = "unknown_service"  # what the SDK says where the variables name no service


@asynccontextmanager
async def exported(asked: Asked, told: Told) -> AsyncIterator[None]:
    """Spans and metrics of what is told are sent in the background, and at the end what is left."""
    resource = Resource.create({"service.version": __version__})
    if str(resource.attributes["service.name"]).startswith(_UNNAMED):
        resource = resource.merge(Resource({"service.name": NAME}))
    async with AsyncExitStack() as stack:
        if asked.traces:
            processor = BatchSpanProcessor(OTLPSpanExporter())
            stack.push_async_callback(_shut, processor.shutdown)
            # A provider knows which sampler the variables ask for.
            sampler = TracerProvider(shutdown_on_exit=False).sampler
            traces = Traces(processor, resource, sampler)
            told.listen(traces)
            told.trace(traces.starts, traces.bound)
        if asked.metrics:
            reader = PeriodicExportingMetricReader(OTLPMetricExporter())
            metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
            stack.push_async_callback(_shut, metrics.shutdown)
            told.listen(OtlpMetrics(metrics.get_meter(NAME, __version__)))
        yield


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
