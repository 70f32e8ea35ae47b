"""What being observed costs an answer inside of a process, without sockets and other processes.

Applications with all off and with more and more on answer the same read in turns, 2,048 times each;
of the turns, the tenth best counts. So it is steady on a machine that is not quiet, where
`observing` is not; but a whole server has more to do for an answer than what is measured here.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from backstory.config import load
from backstory.observability.logs.setup import configure
from backstory.observability.telling import Told
from backstory.observability.traces import Traces
from backstory.wiring import Running, app, open_app
from backstory.wiring.heard import open_hooks
from benchmarks.report import Measured

PATH = "/v1/contexts/bench/doc"
ANSWERS = 2048
TURNS = 25
SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": PATH,
    "raw_path": PATH.encode(),
    "query_string": b"",
    "headers": [(b"host", b"127.0.0.1"), (b"user-agent", b"bench"), (b"accept", b"*/*")],
    "server": ("127.0.0.1", 80),
    "client": ("127.0.0.1", 1),
    "scheme": "http",
    "http_version": "1.1",
    "root_path": "",
}
OFF = "all off"
VARIANTS: dict[str, tuple[bool, dict[str, object]]] = {
    OFF: (False, {"metrics": "false"}),
    "metrics": (False, {}),
    "metrics, traces of 1 in 1000": (True, {}),
    "all that, a line for 1 in 10": (True, {"access_log": "true", "access_sample": "10"}),
    "all that, a line for each": (True, {"access_log": "true"}),
}


def run(folder: Path) -> Iterator[Measured]:
    log = configure(as_json=True, level="info")
    log.lines.redirect(os.open(os.devnull, os.O_WRONLY))
    costs = uvloop.run(_costs(folder))
    micros = {name: sorted(found)[TURNS // 10] * 1e6 for name, found in costs.items()}
    yield Measured("processor time of a read inside of a process", "us", micros)
    more = {name: cost - micros[OFF] for name, cost in micros.items() if name != OFF}
    yield Measured("of that, for being observed", "us", more)


async def _costs(folder: Path) -> dict[str, list[float]]:
    async with AsyncExitStack() as stack:
        running: dict[str, Running] = {}
        for number, (name, (traced, options)) in enumerate(VARIANTS.items()):
            settings = load({"store": f"sqlite:///{folder}/{number}.db", **options}, environ={})
            # Which traces are taken is said to the whole process, and there are several servers here.
            with patch.object(app, "open_hooks", partial(_hooks, traced=traced)):
                running[name] = await stack.enter_async_context(open_app(settings))
            await _put(running[name])
        costs: dict[str, list[float]] = {name: [] for name in running}
        for _ in range(TURNS):
            for name in random.sample(list(running), len(running)):
                costs[name].append(_cost(running[name]))
        return costs


@asynccontextmanager
async def _hooks(*, traced: bool) -> AsyncIterator[Told]:
    async with open_hooks({}) as told:
        if traced:
            sampler = ParentBased(TraceIdRatioBased(0.001))
            traces = Traces(SpanProcessor(), Resource({}), sampler)
            told.listen(traces)
            told.trace(traces.starts, traces.bound)
        yield told


def _cost(running: Running) -> float:
    """Seconds of processor time for each answer."""
    answer = running.at_once
    way, known = answer.way({**SCOPE}), answer.known({**SCOPE})
    work = None if way is None else way.now
    assert work is not None, "it is the lane's"
    assert known is not None, "its headers are plain"
    before = time.process_time()
    for _ in range(ANSWERS):
        if answer(work, known, {**SCOPE}, b"") is None:
            raise RuntimeError("the read was not answered at once")
    return (time.process_time() - before) / ANSWERS


async def _put(running: Running) -> None:
    body = json.dumps({"kind": "session", "state": {"text": "x" * 700}}).encode()
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    headers = [*SCOPE["headers"], (b"content-type", b"application/json")]
    scope = {**SCOPE, "method": "PUT", "headers": headers, "asgi": {"version": "3.0"}}
    await running.app(scope, receive, send)
    if told[0]["status"] != 201:
        raise RuntimeError(str(told))
