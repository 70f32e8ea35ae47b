"""Parsers by media type: bytes that come in become values, records, texts or tables.

`PARSERS` is the table; each entry is pure and bounded. Nothing is fetched, executed or
computed, whatever the text asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage
from types import MappingProxyType
from typing import Final

from backstory import limits
from backstory.domain.keys import shorten
from backstory.errors import TooLargeError, UnsupportedMediaError
from backstory.processing.parsers.csv import parse_csv
from backstory.processing.parsers.html import parse_html
from backstory.processing.parsers.json import parse_json, parse_json_lines
from backstory.processing.parsers.markdown import parse_markdown
from backstory.processing.parsers.results import Parsed, Parser, Records, Table, Text, Value
from backstory.processing.parsers.text import parse_text
from backstory.processing.parsers.yaml import parse_yaml

_ALL: Final = (
    Parser("json", ("application/json", "text/json"), Value, limits.PARSE_BYTES, parse_json),
    Parser(
        "json-lines",
        ("application/jsonl", "application/x-ndjson", "application/x-jsonlines"),
        Records,
        limits.PARSE_BYTES,
        parse_json_lines,
    ),
    Parser(
        "yaml",
        ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"),
        Value,
        limits.YAML_BYTES,
        parse_yaml,
    ),
    Parser(
        "markdown",
        ("text/markdown",),
        Text,
        limits.MARKDOWN_BYTES,
        parse_markdown,
        as_written=True,
    ),
    Parser("text", ("text/plain",), Text, limits.PARSE_BYTES, parse_text),
    Parser("html", ("text/html", "application/xhtml+xml"), Text, limits.HTML_BYTES, parse_html),
    Parser(
        "csv",
        ("text/csv", "application/csv"),
        Table,
        limits.PARSE_BYTES,
        parse_csv,
        as_written=True,
    ),
)

PARSERS: Final[Mapping[str, Parser]] = MappingProxyType(
    {media_type: parser for parser in _ALL for media_type in parser.media_types}
)
_SUFFIXES: Final = {"+json": "application/json", "+yaml": "application/yaml"}


def parser_for(
    content_type: str, known: Mapping[str, Parser] = PARSERS
) -> tuple[Parser, dict[str, str]]:
    """The parser of a `Content-Type` (RFC 9110 section 8.3) and the type's parameters.

    `known` are the parsers by media type, those of extensions with them. Types that end in `+json` and `+yaml` (RFC 6839, RFC 9512) are read as those.

    Raises:
        UnsupportedMediaError: there is none; `supported` lists those that there are.
    """
    media_type, parameters = _read(content_type)
    suffix = next((known for end, known in _SUFFIXES.items() if media_type.endswith(end)), None)
    parser = known.get(media_type) or known.get(suffix or "")
    if parser is None:
        raise UnsupportedMediaError(
            f"no parser for {shorten(content_type)}", supported=sorted(known)
        )
    return parser, parameters


def parse(body: bytes, content_type: str, known: Mapping[str, Parser] = PARSERS) -> Parsed:
    """What a body of this type holds.

    Raises:
        UnsupportedMediaError: no parser for the type, or its charset is not read.
        MalformedError: the body is not what its type says.
        TooLargeError: over the parser's bytes or another bound; `limit` names it.
    """
    parser, parameters = parser_for(content_type, known)
    if len(body) > parser.most_bytes:
        raise TooLargeError(
            f"{len(body)} bytes of {parser.name}; {parser.most_bytes} are parsed at once",
            limit=f"{parser.name}: {parser.most_bytes} bytes",
        )
    return parser.parse(body, parameters)


def _read(content_type: str) -> tuple[str, dict[str, str]]:
    if len(content_type) > limits.MEDIA_TYPE_CHARS or not content_type.isprintable():
        raise UnsupportedMediaError("that is no media type")
    message = EmailMessage()
    message["content-type"] = content_type
    header = message["content-type"]
    # Where it cannot be read, the standard library says text/plain, as mail readers do.
    if header.defects:
        raise UnsupportedMediaError(f"{shorten(content_type)} is no media type")
    return header.content_type, {name.lower(): str(value) for name, value in header.params.items()}


__all__ = ["PARSERS", "parse", "parser_for"]
