"""What an assistant does over MCP (2026-07-28, over HTTP without a session)."""

from __future__ import annotations

import itertools
from typing import Any

from calling import Caller

PROTOCOL = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": PROTOCOL,
    "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_numbers = itertools.count(1)


async def turn(caller: Caller, talk: str, number: int) -> None:
    """A look, a word, and now and then more."""
    read = {"context": talk, "entries": 5}
    await tool(caller, "read_context", read)
    said = {"id": f"m-{number}", "role": "assistant", "content": "Is there anything else?"}
    await tool(caller, "append_entries", {"context": talk, "entries": [said]})
    match caller.chance.randrange(4):
        case 0:
            await tool(caller, "search_contexts", {"query": "tea"})
        case 1:
            sources = [{"context": talk, "entries": "recent"}]
            wanted = {"sources": sources, "model": "gpt-4o", "budget": 500}
            await tool(caller, "render_window", wanted)
        case 2:
            await ask(caller, "tools/list", {})
        case _:
            await ask(caller, "resources/read", {"uri": f"context://{talk}"}, f"context://{talk}")


async def tool(caller: Caller, name: str, arguments: dict[str, Any]) -> None:
    await ask(caller, "tools/call", {"name": name, "arguments": arguments}, name)


async def ask(caller: Caller, method: str, params: dict[str, Any], name: str | None = None) -> None:
    """One request; what it is of stands in the headers, too."""
    message = {"jsonrpc": "2.0", "id": next(_numbers), "method": method}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": PROTOCOL,
        "mcp-method": method,
    } | ({} if name is None else {"mcp-name": name})
    body = message | {"params": params | {"_meta": _META}}
    await caller.call(f"mcp {method}", "POST", "/mcp", json=body, headers=headers)
