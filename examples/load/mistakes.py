"""What callers do wrong: it is answered 4xx, and none of it may count as the server's failure."""

from __future__ import annotations

import by_mcp
from calling import Caller


async def made(caller: Caller, talk: str) -> None:
    """One mistake of each kind."""
    path = f"/v1/contexts/{talk}"
    await caller.call("missing", "GET", f"{path}-that-there-is-not")
    text = {"content-type": "application/json"}
    await caller.call("garbled", "PUT", path, content=b"{", headers=text)
    stale = {"if-match": '"1"'}
    state = {"kind": "conversation", "state": {}}
    await caller.call("conflict", "PUT", path, json=state, headers=stale)
    await caller.call("other kind", "PUT", path, json={"kind": "document"})
    window = {"model": "gpt-4o", "budget": 1, "sources": [{"context": talk, "entries": "pinned"}]}
    await caller.call("no room", "POST", "/v1/render", json=window)
    await by_mcp.tool(caller, "read_context", {"context": f"{talk}-that-there-is-not"})
