"""What is sent to who asks about a conversation of 1,000 messages: bytes, and tokens of a model.

Tokens are those of the whole body by OpenAI's newest vocabulary. A window holds what fits a budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from backstory.rendering.counters import counter_named
from benchmarks import cases, servers, text
from benchmarks.client import Client
from benchmarks.report import Measured, Ratio
from benchmarks.wrk import Asked

ENTRIES, BUDGET = 1000, 4000
VOCABULARY = "o200k_base"
NAME = "bench/chat"
PATH = f"/v1/contexts/{NAME}"


def run(folder: Path) -> Iterator[Ratio | Measured]:
    with servers.backstory(folder / "sending.db") as port, Client(port) as client:
        cases.fill(client, PATH, ENTRIES - 1)
        (said,) = text.messages(1, seed=ENTRIES)
        client.json("POST", f"{PATH}/entries", {"entries": [{"role": "user", "content": said}]})
        found = {what: _ask(client, asked) for what, asked in _asked(client).items()}
    bodies = {what: body.decode() for what, body in found.items()}
    counter = counter_named(VOCABULARY)
    tokens = {what: float(counter.count(body)) for what, body in bodies.items()}
    for what, body in bodies.items():
        yield Measured(what, "sent", {"bytes": float(len(body.encode())), "tokens": tokens[what]})
    whole, new = tokens["all of it, over REST"], tokens["what is new by one, over REST"]
    detail = f"{whole:.0f} tokens of all, {new:.0f} of what is new"
    yield Ratio("tokens of a catch-up by one / of all of it", new / whole, 0.01, detail)


def _asked(client: Client) -> dict[str, Asked]:
    window = {
        "sources": [{"context": NAME, "entries": "recent"}],
        "model": "gpt-4o",
        "budget": BUDGET,
    }
    render = {"content-type": "application/json"}
    version = client.json("GET", PATH)["version"]
    return {
        "all of it, over REST": Asked(f"{PATH}/entries?limit={ENTRIES}"),
        "what is new by one, over REST": Asked(f"{PATH}/entries?after={ENTRIES - 1}"),
        "nothing new (304), over REST": Asked(PATH, headers={"if-none-match": f'"{version}"'}),
        "the last ten, over REST": Asked(f"{PATH}?entries=10"),
        f"a window of {BUDGET:,} tokens": Asked("/v1/render", "POST", orjson.dumps(window), render),
        "the last ten, over MCP": _call(entries=10),
        "what is new by one, over MCP": _call(since=version - 1),
    }


def _call(**arguments: int) -> Asked:
    given = {"context": NAME, **arguments}
    return cases.mcp("tools/call", "read_context", name="read_context", arguments=given)


def _ask(client: Client, asked: Asked) -> bytes:
    status, body = client.request(asked.method, asked.path, asked.body, **asked.headers)
    if status not in (200, 201, 304):
        raise RuntimeError(f"{asked.path}: {status} {body[:300]!r}")
    return body
