"""What an extension needs of Backstory, in one flat place that stays when rooms are rebuilt.

An extension is a package with entry points; each names a maker. docs/how-to/extend.md shows
one of each kind, examples/extension is a whole package.
"""

from __future__ import annotations

from backstory.domain.intake import wrong
from backstory.domain.messages import Entry, Format, Loss, Losses, Rendered
from backstory.errors import (
    BackstoryError,
    ConfigError,
    MalformedError,
    SchemaError,
    TooLargeError,
    Violation,
)
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

__all__ = [
    "BackstoryError",
    "ConfigError",
    "Entry",
    "Format",
    "Heading",
    "KindSpec",
    "Loss",
    "Losses",
    "MalformedError",
    "Parameters",
    "Parser",
    "Records",
    "Rendered",
    "SchemaError",
    "Table",
    "Text",
    "TooLargeError",
    "Transform",
    "TransformText",
    "Value",
    "Violation",
    "decode",
    "wrong",
]
