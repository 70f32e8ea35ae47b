"""What being observed costs a hot read over HTTP: metrics, logs and traces on, against all off.

`wrk` asks as fast as a server answers, on a core of its own. What is compared is the processor time of
a server for each answer, of which a core has so much for so many answers in a second; a busy machine
disturbs it less than a rate. Where things lie in memory by chance makes a difference as large as what
is looked for, so each way of being observed has several servers, with other hash seeds, that take
turns. Traces are taken of one request in a thousand, and of requests that went well one line in a
hundred is written, as the documentation advises for busy servers; the cost of more is shown.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import mean, median

from benchmarks import cases, cores, processor, servers, wrk
from benchmarks.client import Client
from benchmarks.report import Ratio

LAYOUTS = 5
ROUNDS = 6
SECONDS = 1
AT_MOST = 1 / 0.95
RATIO = "parentbased_traceidratio"
FEW = {"OTEL_TRACES_SAMPLER": RATIO, "OTEL_TRACES_SAMPLER_ARG": "0.001"}
MORE = {"OTEL_TRACES_SAMPLER": RATIO, "OTEL_TRACES_SAMPLER_ARG": "0.01"}
Side = tuple[int, int]
"""A server's port and process."""
OFF = "all off"
Variant = tuple[float | None, tuple[str, ...], Mapping[str, str]]


def _lines(one_in: int) -> tuple[str, ...]:
    return "--access-log", "--access-sample", str(one_in)


VARIANTS: Mapping[str, Variant] = {
    OFF: (None, ("--no-metrics", "--log-level", "error"), {}),
    "metrics": (AT_MOST, ("--log-level", "error"), {}),
    "metrics, logs and traces of 1 in 1000": (AT_MOST, (), FEW),
    "all that and a line for 1 request in 100": (AT_MOST, _lines(100), FEW),
    "all that and a line for 1 request in 10": (None, _lines(10), FEW),
    "all that and a line for each request": (None, _lines(1), FEW),
    "metrics, logs and traces of 1 in 100": (None, (), MORE),
    "metrics, logs and traces of all": (None, (), {"OTEL_TRACES_SAMPLER": "always_on"}),
}


def run(folder: Path) -> Iterator[Ratio]:
    if not wrk.installed():
        print("wrk is not installed; observing is left out", file=sys.stderr)
        return
    with ExitStack() as stack:
        collector = stack.enter_context(_collector())
        observed = {
            name: [
                _started(stack, folder / f"{number}-{seed}.db", variant, collector, seed)
                for seed in range(LAYOUTS)
            ]
            for number, (name, variant) in enumerate(VARIANTS.items())
        }
        costs = _costs(folder, observed)
    for name, cost in costs.items():
        if name != OFF:
            detail = f"{cost:.1f} us of processor time an answer, {costs[OFF]:.1f} us all off"
            work = f"cost of a GET with {name} / all off"
            yield Ratio(work, cost / costs[OFF], VARIANTS[name][0], detail)


def _started(stack: ExitStack, store: Path, variant: Variant, collector: str, seed: int) -> Side:
    _, options, sampler = variant
    environment = {"BACKSTORY_LOG_FORMAT": "json", "PYTHONHASHSEED": str(seed), **sampler}
    if sampler:
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector
    side = stack.enter_context(servers.process(store, *options, core=cores.SERVER, **environment))
    with Client(side[0]) as client:
        client.json("PUT", cases.PATH, {"kind": "session", "state": cases.STATE})
    return side


def _costs(folder: Path, observed: Mapping[str, list[Side]]) -> dict[str, float]:
    """Microseconds for each answer: the mean of what each server of the kind needed."""
    found: dict[Side, list[float]] = {side: [] for sides in observed.values() for side in sides}
    for turn in range(ROUNDS + 1):
        for side, costs in found.items():
            cost = _cost(folder, side)
            if turn:
                costs.append(cost * 1e6)
    return {
        name: mean(_undisturbed(found[side]) for side in sides) for name, sides in observed.items()
    }


def _undisturbed(costs: list[float]) -> float:
    """The middle of the cheaper half: whoever else ran made the others dearer."""
    return median(sorted(costs)[: len(costs) // 2])


def _cost(folder: Path, side: Side) -> float:
    """Seconds of processor time for each answer."""
    port, pid = side
    before = processor.seconds(pid)
    told = wrk.load(folder, port, wrk.Asked(cases.PATH), SECONDS)
    return (processor.seconds(pid) - before) / told.count


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
