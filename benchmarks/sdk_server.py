"""The official SDK's low-level server, as its documentation has it: one tool, 1 KB of text."""

from __future__ import annotations

import sys
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server

_TEXT = "x" * 1000


async def _list(ctx: Any, params: Any) -> types.ListToolsResult:
    del ctx, params
    schema = {"type": "object", "properties": {"context": {"type": "string"}}}
    return types.ListToolsResult(tools=[types.Tool(name="read_context", input_schema=schema)])


async def _call(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    del ctx, params
    return types.CallToolResult(content=[types.TextContent(type="text", text=_TEXT)])


if __name__ == "__main__":
    server: Server[Any] = Server("bench", on_list_tools=_list, on_call_tool=_call)
    app = server.streamable_http_app(json_response=True, stateless_http=True)
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
    )
