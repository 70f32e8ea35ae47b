"""What one worker serves: reads over REST and MCP beside a bare answer and the official SDK.

Server and client have a core each, 32 connections ask for a context of 1 KB, and the rounds of
all servers take turns. Ratios are of answers a second; the round in the middle counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import servers, wrk
from benchmarks.client import Client
from benchmarks.peers import serving as peers
from benchmarks.report import Ratio
from benchmarks.wrk import Asked

ROUNDS, SECONDS = 7, 1
PATH = "/v1/contexts/bench/doc"
STATE = {"text": "x" * 700, "numbers": list(range(60))}
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def mcp(method: str, named: str, **params: object) -> Asked:
    """A request of 2026-07-28."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": _META}}
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        "mcp-name": named,
    }
    return Asked("/mcp", "POST", json.dumps(message, separators=(",", ":")).encode(), headers)


CALL = mcp("tools/call", "read_context", name="read_context", arguments={"context": "bench/doc"})
READ = mcp("resources/read", "context://bench/doc", uri="context://bench/doc")
_ENTRY = json.dumps({"entries": [{"role": "user", "content": "y" * 200}]}).encode()
APPEND = Asked(f"{PATH}/entries", "POST", _ENTRY, {"content-type": "application/json"})


def run(folder: Path) -> Iterator[Ratio]:
    if not wrk.installed():
        print("wrk is not installed; serving is left out", file=sys.stderr)
        return
    with ExitStack() as stack:
        bare = stack.enter_context(servers.bare(core="0"))
        ours = stack.enter_context(servers.backstory(folder / "fast.db", core="0"))
        slow = stack.enter_context(
            servers.backstory(folder / "slow.db", core="0", BACKSTORY_MCP_FAST_LANE="off")
        )
        others = {"the SDK's server": (stack.enter_context(servers.sdk(core="0")), CALL)}
        if peers.installed():
            others["FastMCP"] = stack.enter_context(peers.fastmcp(core="0")), CALL
        for port in (ours, slow):
            with Client(port) as client:
                client.json("PUT", PATH, {"kind": "session", "state": STATE})
        rates = _rates(
            folder,
            {
                "bare": (bare, Asked("/")),
                "REST read": (ours, Asked(PATH)),
                "REST 304": (ours, Asked(PATH, headers={"if-none-match": '"1"'})),
                "MCP read_context": (ours, CALL),
                "MCP resources/read": (ours, READ),
                "MCP read_context without the lane": (slow, CALL),
                **others,
            },
        )
        append = _rates(folder, {"bare": (bare, Asked("/")), "append": (ours, APPEND)})
    for what, bound in (
        ("REST read", None),
        ("REST 304", None),
        ("MCP read_context", None),
        ("MCP resources/read", None),
    ):
        yield _ratio("a bare answer", rates["bare"], what, rates[what], bound)
    yield _ratio("a bare answer", append["bare"], "durable append", append["append"], None)
    fast = rates["MCP read_context"]
    for what in (*others, "MCP read_context without the lane"):
        yield _ratio(what, rates[what], "MCP read_context", fast, None)


def _rates(folder: Path, asked: dict[str, tuple[int, Asked]]) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(ROUNDS + 1):
        for name, (port, request) in asked.items():
            rate = wrk.rate(folder, port, request, SECONDS)
            if turn:
                found[name].append(rate)
    return {name: median(rates) for name, rates in found.items()}


def _ratio(against: str, its: float, what: str, ours: float, at_most: float | None) -> Ratio:
    detail = f"{its:.0f}/s {against}, {ours:.0f}/s {what}"
    return Ratio(f"{against} / {what}", its / ours, at_most, detail)
