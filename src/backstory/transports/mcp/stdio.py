"""The same server over stdin and stdout, for one client on this machine.

Everything the client asks for is done as the local administrator. Nothing but the protocol
goes to stdout. It ends when stdin does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

from mcp.server.stdio import stdio_server
from mcp_types import NotificationParams

from backstory.contexts.service import Contexts
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.rendering.service import Renderer
from backstory.transports.mcp.callers import Served
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.extending import Extension
from backstory.transports.mcp.lines import StdioLine
from backstory.transports.mcp.server import build
from backstory.transports.mcp.stdio_asked import Answers, Asked
from backstory.transports.mcp.stdio_lines import Lines
from backstory.transports.mcp.stdio_subscriptions import StdioSubscriptions


async def serve(
    contexts: Contexts,
    renderer: Renderer,
    principal: Principal = LOCAL_ADMIN,
    extensions: Mapping[str, Extension] | None = None,
) -> None:
    """Serve until stdin ends.

    Raises:
        ConfigError: an extension cannot be served as it is.
    """
    served = Served(contexts, renderer, principal, extensions or {})
    catalogue = Catalogue(served)
    older = StdioSubscriptions(contexts, principal, catalogue)
    server = build(served, catalogue, older, StdioLine)
    server.add_notification_handler(
        "notifications/initialized", NotificationParams, older.initialized
    )
    asked = Asked()
    # Who waits for changes is let go at the end, so that streams end as they should.
    lines = Lines(sys.stdin.fileno(), asked, contexts.hub.drain)
    async with stdio_server(stdin=cast("Any", lines)) as (read, write), older:
        lines.answer_on(write.clone())
        try:
            answers = Answers(write, asked)
            await server.run(read, answers, server.create_initialization_options())
        finally:
            await lines.aclose()
