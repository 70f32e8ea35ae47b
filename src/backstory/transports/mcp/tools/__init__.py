"""The tools: one table, one verb family a file."""

from __future__ import annotations

from typing import Any, Final

from backstory.domain import policy
from backstory.domain.principals import Principal
from backstory.transports.mcp.tools import (
    committing,
    finding,
    following,
    reading,
    rendering,
    writing,
)
from backstory.transports.mcp.tools.table import Answer, Tool

__all__ = ["TABLE", "Answer", "Tool", "shown_to"]

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

_DEFINITIONS: Final = {name: tool.definition() for name, tool in TABLE.items()}


def shown_to(principal: Principal) -> list[dict[str, Any]]:
    """The definitions of the tools that the principal may use somewhere."""
    verbs = {permission.verb for permission in policy.permissions(principal)}
    return [_DEFINITIONS[name] for name, tool in TABLE.items() if tool.verb in verbs]
