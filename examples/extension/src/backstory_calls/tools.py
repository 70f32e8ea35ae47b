"""A tool for models: the calls at a desk that are still open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backstory.extending import Call, Extension, Tool

DESK = {
    "type": "object",
    "properties": {"desk": {"type": "string", "description": "Its namespace"}},
    "required": ["desk"],
    "additionalProperties": False,
}


async def open_calls(call: Call) -> Mapping[str, Any]:
    """Looks with the rights of whoever asks, as `list_contexts` and `read_context` do."""
    listed = await call.use("list_contexts", namespace=call.arguments["desk"], kind="call")
    found = []
    for done, item in enumerate(listed["items"], 1):
        read = await call.use("read_context", context=item["context"])
        if read["state"].get("outcome") == "open":
            found.append(item["context"])
        await call.progress(done, len(listed["items"]))
    return {"open": found}


def make() -> Extension:
    """What MCP clients are offered beside Backstory's own tools."""
    return Extension(tools=[Tool("open_calls", "List the open calls at a desk.", open_calls, DESK)])
