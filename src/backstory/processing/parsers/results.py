"""What parsing gives: a value, records, a text with its outline, or a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, str]
"""Parameters of a media type, names in lower case."""


@dataclass(frozen=True, slots=True)
class Value:
    """One JSON value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Records:
    """JSON values, one a line, and the line of each, from 1."""

    values: tuple[Any, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level from 1 to 6, its text, and the line it stands on, where that is known."""

    level: int
    title: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text, and of a marked-up one its title and headings."""

    text: str
    title: str | None = None
    outline: tuple[Heading, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of equal length. `columns` are the names in the first row, unless it has none.

    Cells are text as it stands there: a formula is never computed nor changed.
    """

    columns: tuple[str, ...] | None
    rows: tuple[tuple[str, ...], ...]
    delimiter: str = ","


Parsed = Value | Records | Text | Table


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads bodies of some media types. Pure; takes at most `most_bytes` of a body.

    `parse` raises MalformedError with `line` and `column` where they are known, and
    TooLargeError with the bound that was passed. `as_written`: what is made of a body for a
    model to read is the body itself, once it was parsed, since models read it better so.
    """

    name: str
    media_types: tuple[str, ...]
    result: type[Parsed]
    most_bytes: int
    parse: Callable[[bytes, Parameters], Parsed]
    as_written: bool = False
