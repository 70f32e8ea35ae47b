"""Bodies of other types than JSON that hold entries: an entry a line, or one text that is one.

What they become is what a caller could have sent as JSON; it is checked by the same rules.
"""

from __future__ import annotations

import re
from typing import Any, Final

from backstory.domain import intake
from backstory.domain.entries import NewEntry
from backstory.domain.intake import wrong
from backstory.errors import InvalidError, SchemaError, TooLargeError, Violation
from backstory.processing.parsers import parse, parser_for
from backstory.processing.parsers.results import Parsed, Records, Table, Text
from backstory.processing.parsers.text import decode

_PLACE: Final = re.compile(r"/entries/(\d+)(.*)", re.DOTALL)
_AS_WRITTEN: Final = frozenset({"markdown", "csv"})


def read_records(body: bytes, content_type: str) -> tuple[NewEntry, ...]:
    """The entries of JSON Lines, one a line.

    Raises:
        MalformedError, SchemaError, TooLargeError: a line is no JSON or no entry; `line` is its
            number, from 1, and pointers are into its value.
    """
    parsed = parse(body, content_type)
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


def read_text(body: bytes, content_type: str, role: str) -> tuple[NewEntry, ...]:
    """One entry for a text, with its media type and title in the metadata.

    HTML becomes the text that a reader sees. Markdown and CSV are checked and stay as they are
    written, which models read better than anything made of them.

    Raises:
        MalformedError, UnsupportedMediaError, TooLargeError: as `parsers.parse`.
        SchemaError: there is no text in it.
    """
    parser, parameters = parser_for(content_type)
    parsed = parse(body, content_type)
    text = decode(body, parameters) if parser.name in _AS_WRITTEN else _text(parsed)
    if not text or text.isspace():
        raise wrong("", "holds no text")
    metadata: dict[str, Any] = {"media_type": parser.media_types[0]}
    if isinstance(parsed, Text) and parsed.title:
        metadata["title"] = parsed.title
    if isinstance(parsed, Table):
        metadata["delimiter"] = parsed.delimiter
    return intake.entries([{"role": role, "content": text, "metadata": metadata}])


def _text(parsed: Parsed) -> str:
    assert isinstance(parsed, Text)
    return parsed.text
