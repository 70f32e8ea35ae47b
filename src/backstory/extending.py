"""What an extension needs of Backstory, in one flat place that stays when rooms are rebuilt.

An extension is a package with entry points; each names a maker. docs/how-to/extend-mcp.md
shows one that adds to MCP.
"""

from __future__ import annotations

from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, DeclinedError
from backstory.transports.mcp.asks import Ask, InputRequired, form, visit
from backstory.transports.mcp.blocks import (
    AudioBlock,
    Contents,
    ImageBlock,
    LinkBlock,
    ResourceBlock,
    TextBlock,
)
from backstory.transports.mcp.calls import Call
from backstory.transports.mcp.extending import (
    Argument,
    Extension,
    Message,
    Prompt,
    Resource,
    Template,
    Tool,
    ToolResult,
)

__all__ = [
    "Argument",
    "Ask",
    "AudioBlock",
    "BackstoryError",
    "Call",
    "Contents",
    "ContextKey",
    "DeclinedError",
    "Extension",
    "ImageBlock",
    "InputRequired",
    "LinkBlock",
    "Message",
    "Principal",
    "Prompt",
    "Resource",
    "ResourceBlock",
    "Template",
    "TextBlock",
    "Tool",
    "ToolResult",
    "Verb",
    "form",
    "visit",
]
