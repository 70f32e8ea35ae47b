"""What one worker is asked, again and again: the requests whose costs have a budget.

Server and client have a core each, 32 connections ask. Appends go to a server of their own, whose
index follows what was written after they were answered, and would be in the way of the others.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cores, servers, text
from benchmarks.client import Client
from benchmarks.wrk import Asked

BARE = "a bare answer"
PATH = "/v1/contexts/bench/doc"
LONG = "/v1/contexts/bench/long"
STATE = {"text": "x" * 700, "numbers": list(range(60))}
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and the process that answers it."""

    port: int
    pid: int
    asked: Asked


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


def opened(stack: ExitStack, folder: Path, entries: int) -> dict[str, Case]:
    """All cases by their names, each on a server that runs until the stack ends.

    `entries` is how long the conversation is that is caught up with.
    """
    ours = stack.enter_context(servers.process(folder / "reads.db", core=cores.SERVER))
    written = stack.enter_context(servers.process(folder / "appends.db", core=cores.SERVER))
    with Client(ours[0]) as client:
        client.json("PUT", PATH, {"kind": "session", "state": STATE})
        fill(client, LONG, entries)
    with Client(written[0]) as client:
        client.json("PUT", PATH, {"kind": "conversation", "state": STATE})
    return {
        BARE: Case(*stack.enter_context(servers.bare_process(core=cores.SERVER)), Asked("/")),
        "REST read": Case(*ours, Asked(PATH)),
        "REST 304": Case(*ours, Asked(PATH, headers={"if-none-match": '"1"'})),
        "MCP read_context": Case(*ours, CALL),
        "MCP resources/read": Case(*ours, READ),
        "MCP read_context with a token": _with_token(stack, folder),
        "catch-up by one entry": Case(*ours, Asked(f"{LONG}/entries?after={entries - 1}")),
        "durable append": Case(*written, APPEND),
    }


def fill(client: Client, path: str, entries: int) -> None:
    """A conversation of so many entries."""
    client.json("PUT", path, {"kind": "conversation"})
    for start in range(0, entries, 1000):
        batch = text.messages(min(1000, entries - start), seed=start)
        said = [{"role": "user", "content": message} for message in batch]
        client.json("POST", f"{path}/entries", {"entries": said})


def _with_token(stack: ExitStack, folder: Path) -> Case:
    """The same call by a caller whose token is verified and whose rights are looked at."""
    sys.path.insert(0, str(servers.ROOT / "tests"))
    from token_issuer import Issuer

    issuer = Issuer()
    environment = issuer.environment(issuer.write(folder / "keys.json"))
    port, pid = stack.enter_context(
        servers.process(folder / "rights.db", core=cores.SERVER, **environment)
    )
    with Client(port) as client:
        admin = f"Bearer {issuer.lasting(roles=('admin',))}"
        state = {"kind": "session", "state": STATE}
        client.json("PUT", PATH, state, authorization=admin)
    token = issuer.lasting(roles=("member", "reader"))
    asked = Asked(
        CALL.path, CALL.method, CALL.body, {**CALL.headers, "authorization": f"Bearer {token}"}
    )
    return Case(port, pid, asked)
