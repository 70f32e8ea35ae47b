"""The tools: one table, one verb family a file."""

from __future__ import annotations

from typing import Any, Final

from backstory.transports.mcp.tools import (
    committing,
    finding,
    following,
    reading,
    rendering,
    writing,
)
from backstory.transports.mcp.tools.table import Answer, Tool

__all__ = ["TABLE", "Answer", "Tool"]

_TOOLS: Final[tuple[Tool[Any], ...]] = (
    reading.TOOL,
    finding.LIST,
    finding.SEARCH,
    following.TOOL,
    rendering.TOOL,
    *writing.TOOLS,
    committing.TOOL,
)
TABLE: Final[dict[str, Tool[Any]]] = {tool.name: tool for tool in _TOOLS}
"""All tools by name, in the order in which they are shown."""
