"""What an extension needs of Backstory, in one flat place that stays when rooms are rebuilt.

An extension is a package with entry points; each names a maker. docs/how-to/extend.md shows
one of each kind, docs/how-to/extend-mcp.md what it may add to MCP, examples/extension is a
whole package.
"""

from __future__ import annotations

from backstory.domain.intake import wrong
from backstory.domain.keys import ContextKey
from backstory.domain.messages import Entry, Format, Loss, Losses, Rendered
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.errors import (
    BackstoryError,
    ConfigError,
    DeclinedError,
    KeyUnusableError,
    MalformedError,
    SchemaError,
    SummariserError,
    TooLargeError,
    Violation,
)
from backstory.ports.summariser import Made, Turn
from backstory.ports.vault import Master
from backstory.processing.parsers.results import (
    Heading,
    Parameters,
    Parser,
    Records,
    Table,
    Text,
    Value,
)
from backstory.processing.parsers.text import decode
from backstory.processing.schemas.packaged import KindSpec
from backstory.processing.transforms.transform import Text as TransformText
from backstory.processing.transforms.transform import Transform
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
    "ConfigError",
    "Contents",
    "ContextKey",
    "DeclinedError",
    "Entry",
    "Extension",
    "Format",
    "Heading",
    "ImageBlock",
    "InputRequired",
    "KeyUnusableError",
    "KindSpec",
    "LinkBlock",
    "Loss",
    "Losses",
    "Made",
    "MalformedError",
    "Master",
    "Message",
    "Parameters",
    "Parser",
    "Principal",
    "Prompt",
    "Records",
    "Rendered",
    "Resource",
    "ResourceBlock",
    "SchemaError",
    "SummariserError",
    "Table",
    "Template",
    "Text",
    "TextBlock",
    "TooLargeError",
    "Tool",
    "ToolResult",
    "Transform",
    "TransformText",
    "Turn",
    "Value",
    "Verb",
    "Violation",
    "decode",
    "form",
    "visit",
    "wrong",
]
