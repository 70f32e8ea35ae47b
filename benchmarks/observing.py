"""What being observed costs a hot read over HTTP: metrics, logs and traces on, against all off.

Both servers answer in turns, many and short, now the one first and now the other; the turns count
that were disturbed least. What is compared is the processor time of a server for each answer, which
a busy machine disturbs less than a rate; one server that does nothing else answers so many more or
fewer in a second. Traces are taken of one request in a thousand, and of requests that went well one
line in ten is written, as the documentation advises for busy servers; the cost of taking more, and
all, is shown.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import uvloop

from benchmarks import processor, servers
from benchmarks.cached_reads import fill, read
from benchmarks.report import Ratio

READERS = 16
SECONDS = 0.2
ROUNDS = 60
AT_MOST = 1 / 0.95
RATIO = "parentbased_traceidratio"
FEW = {"OTEL_TRACES_SAMPLER": RATIO, "OTEL_TRACES_SAMPLER_ARG": "0.001"}
MORE = {"OTEL_TRACES_SAMPLER": RATIO, "OTEL_TRACES_SAMPLER_ARG": "0.01"}
LAYOUT = {"PYTHONHASHSEED": "0"}
"""Or what lies where by chance makes more of a difference than what is compared."""
Side = tuple[int, int]
"""A server's port and process."""
LINES = ("--access-log", "--access-sample", "10")
VARIANTS = {
    "metrics": (AT_MOST, ("--log-level", "error"), {}),
    "metrics, logs and traces of 1 in 1000": (AT_MOST, (), FEW),
    "all that and a line for 1 request in 10": (AT_MOST, LINES, FEW),
    "all that and a line for each request": (None, ("--access-log",), FEW),
    "metrics, logs and traces of 1 in 100": (None, (), MORE),
    "metrics, logs and traces of all": (None, (), {"OTEL_TRACES_SAMPLER": "always_on"}),
}


def run(folder: Path) -> Iterator[Ratio]:
    with ExitStack() as stack:
        collector = stack.enter_context(_collector())
        off = ("--no-metrics", "--log-level", "error")
        bare = stack.enter_context(servers.process(folder / "off.db", *off, **LAYOUT))
        fill(bare[0])
        for number, (name, (most, options, sampler)) in enumerate(VARIANTS.items()):
            environment = {"BACKSTORY_LOG_FORMAT": "json", **LAYOUT}
            if sampler:
                environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector} | sampler
            store = folder / f"on{number}.db"
            with servers.process(store, *options, **environment) as observed:
                fill(observed[0])
                rounds = [_round(bare, observed, turn % 2) for turn in range(ROUNDS)]
            off, on = (
                _undisturbed([each[pid] for each in rounds]) * 1e6 for _, pid in (bare, observed)
            )
            detail = f"{on:.1f} us of processor time an answer, {off:.1f} us all off"
            yield Ratio(f"cost of a GET with {name} / all off", on / off, most, detail)


def _undisturbed(costs: list[float]) -> float:
    """The middle of the cheapest third: whoever else ran made the others dearer."""
    return median(sorted(costs)[: len(costs) // 3])


def _round(first: Side, second: Side, turned: int) -> dict[int, float]:
    """Seconds of processor time for each answer, by the server's process."""
    sides = (second, first) if turned else (first, second)
    return {pid: _cost(port, pid) for port, pid in sides}


def _cost(port: int, pid: int) -> float:
    before = processor.seconds(pid)
    answers = uvloop.run(_answers(port))
    return (processor.seconds(pid) - before) / answers


async def _answers(port: int) -> int:
    until = time.perf_counter() + SECONDS
    return sum(await asyncio.gather(*(read(port, "", until) for _ in range(READERS))))


@contextmanager
def _collector() -> Iterator[str]:
    """Takes whatever is sent to it, and keeps nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
