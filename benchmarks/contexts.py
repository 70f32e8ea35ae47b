"""Costs by the number of contexts in the store, 10 to 1,000,000, and memory after a busy hour.

Stores are made by the store's own commits, then a server is started on them. The hour is what 100
requests a second are, four reads of a context that is drawn by lot and an append to one, asked as fast as
they are answered.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import growing, servers, stocking, wrk
from benchmarks.client import Client
from benchmarks.growing import Works
from benchmarks.report import Measured, Ratio

NAMESPACE = "many"
PATH = f"/v1/contexts/{NAMESPACE}"
MOST_MIB = 300.0
REQUESTS, SECONDS = 360_000, 10
AT_MOST = 2.0
_SAID = {"entries": [{"role": "user", "content": "hello"}]}
_LUA = """
local body = '{"entries":[{"role":"user","content":"hello, is it ready?"}]}'
local headers = {["content-type"] = "application/json"}
function init() math.randomseed(7) end
function request()
  local path = "PATH/c" .. math.random(0, SIZE - 1)
  if math.random(5) == 1 then return wrk.format("POST", path .. "/entries", headers, body) end
  return wrk.format("GET", path)
end
"""


def run(folder: Path) -> Iterator[Ratio | Measured]:
    store = folder / "contexts.db"
    curves = growing.grown(store, partial(stocking.contexts, store, NAMESPACE), _works)
    yield from curves.measured()
    yield from curves.ratios(AT_MOST)
    yield from _busy(folder, store, growing.sizes()[-1])


def _works(client: Client, size: int) -> Works:
    source, numbers = random.Random(size), iter(range(10**9))
    newest = client.json("GET", "/v1/changes?after=now&limit=1")["next"]

    def one() -> str:
        return f"{PATH}/c{source.randrange(size)}"

    def created() -> object:
        state = {"kind": "session", "state": {"text": "hello"}}
        return client.json("PUT", f"/v1/contexts/new/s{size}-{next(numbers)}", state)

    return {
        "read": lambda: client.json("GET", one()),
        "append": lambda: client.json("POST", f"{one()}/entries", _SAID),
        "create": created,
        "list the first 10": lambda: client.json(
            "GET", f"/v1/contexts?namespace={NAMESPACE}&limit=10"
        ),
        "10 newest changes": lambda: client.json("GET", f"/v1/changes?after={newest}&limit=10"),
    }


def _busy(folder: Path, store: Path, size: int) -> Iterator[Ratio | Measured]:
    if not wrk.installed():
        print("wrk is not installed; the busy hour is left out", file=sys.stderr)
        return
    asked = _LUA.replace("PATH", PATH).replace("SIZE", str(size))
    with servers.process(store) as (port, pid):
        servers.ready(port)
        found = {"before": servers.resident(pid, "RssAnon") / 2**20}
        count, seconds = 0, 0
        while count < REQUESTS * size / growing.SIZES[-1]:
            count += wrk.load(folder, port, asked, SECONDS).count
            seconds += SECONDS
        found["after"] = servers.resident(pid, "RssAnon") / 2**20
    yield Measured(f"anonymous memory around a busy hour, {size:,} contexts stored", "MiB", found)
    detail = (
        f"{found['before']:.0f} MiB before, {found['after']:.0f} after {count:,} in {seconds} s"
    )
    work = f"anonymous memory with {size:,} contexts / {MOST_MIB:.0f} MiB"
    yield Ratio(work, found["after"] / MOST_MIB, 1.0, detail)
