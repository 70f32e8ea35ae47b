"""Bodies of other types than JSON that hold entries: an entry a line, or one text that is one.

What they become is what a caller could have sent as JSON; it is checked by the same rules.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any, Final

from backstory.domain import intake
from backstory.domain.entries import NewEntry
from backstory.domain.intake import wrong
from backstory.errors import InvalidError, SchemaError, TooLargeError, Violation
from backstory.processing.parsers import PARSERS, parse, parser_for
from backstory.processing.parsers.results import Parsed, Parser, Records, Table, Text, Value
from backstory.processing.parsers.text import decode

_PLACE: Final = re.compile(r"/entries/(\d+)(.*)", re.DOTALL)


def read_value(body: bytes, content_type: str, known: Mapping[str, Parser] = PARSERS) -> Any:
    """What the same members in JSON would be.

    Raises:
        MalformedError, UnsupportedMediaError, TooLargeError: as `parsers.parse`.
    """
    parsed = parse(body, content_type, known)
    assert isinstance(parsed, Value)
    return parsed.value


def read_records(
    body: bytes, content_type: str, known: Mapping[str, Parser] = PARSERS
) -> tuple[NewEntry, ...]:
    """The entries of JSON Lines and their like, one a record.

    Raises:
        MalformedError, SchemaError, TooLargeError: a line is no record or no entry; `line` is
            its number, from 1, and pointers are into its value.
    """
    parsed = parse(body, content_type, known)
    assert isinstance(parsed, Records)
    try:
        return intake.entries(list(parsed.values))
    except (SchemaError, TooLargeError) as error:
        raise _by_line(error, parsed.lines) from error


def _by_line(error: InvalidError, lines: tuple[int, ...]) -> InvalidError:
    """The error with the line of each place that it names."""
    places = [(_PLACE.fullmatch(each.pointer), each.detail) for each in error.errors]
    found = [(lines[int(place[1])], place[2], detail) for place, detail in places if place]
    if not found:
        return error
    named = tuple(Violation(pointer, f"line {line}: {detail}") for line, pointer, detail in found)
    line, pointer, detail = found[0]
    place = f"line {line}: {pointer}: {detail}" if pointer else f"line {line}: {detail}"
    return type(error)(place, errors=named, **error.context | {"line": line})


def read_text(
    body: bytes, content_type: str, role: str, known: Mapping[str, Parser] = PARSERS
) -> tuple[NewEntry, ...]:
    """One entry for a text or a table, with its media type and title in the metadata.

    HTML becomes the text that a reader sees. Markdown and CSV are checked and stay as they are
    written (`Parser.as_written`); any other table becomes CSV.

    Raises:
        MalformedError, UnsupportedMediaError, TooLargeError: as `parsers.parse`.
        SchemaError: there is no text in it.
    """
    parser, parameters = parser_for(content_type, known)
    parsed = parse(body, content_type, known)
    text = decode(body, parameters) if parser.as_written else _text(parsed)
    if not text or text.isspace():
        raise wrong("", "holds no text")
    metadata: dict[str, Any] = {"media_type": parser.media_types[0]}
    if isinstance(parsed, Text) and parsed.title:
        metadata["title"] = parsed.title
    if isinstance(parsed, Table):
        metadata["delimiter"] = parsed.delimiter
    return intake.entries([{"role": role, "content": text, "metadata": metadata}])


def _text(parsed: Parsed) -> str:
    if isinstance(parsed, Table):
        return _csv(parsed)
    assert isinstance(parsed, Text)
    return parsed.text


def _csv(table: Table) -> str:
    """The table as a body of CSV would have held it."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=table.delimiter, lineterminator="\n")
    writer.writerows([*([table.columns] if table.columns else []), *table.rows])
    return written.getvalue()
