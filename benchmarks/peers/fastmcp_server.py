"""FastMCP's server with one tool that answers 1 KB, as its documentation has it."""

import sys

from fastmcp import FastMCP  # type: ignore[import-not-found]

TEXT = "x" * 1000
server = FastMCP("bench")


@server.tool
async def read_context(context: str) -> str:
    del context
    return TEXT


if __name__ == "__main__":
    server.run(
        transport="http",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        stateless_http=True,
        json_response=True,
        show_banner=False,
        log_level="error",
        uvicorn_config={"access_log": False, "loop": "uvloop", "http": "httptools"},
    )
