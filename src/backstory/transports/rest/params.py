"""Query parameters: declared once, for reading them and for the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from backstory import clock, limits
from backstory.domain.intake import is_label
from backstory.domain.keys import NamespacePattern, shorten
from backstory.domain.kinds import check_kind
from backstory.errors import MalformedError

_DIGITS = re.compile(r"[0-9]{1,16}\Z", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?\Z", re.ASCII)
_FIELDS: Final = 32  # in one query
_LABEL_BYTES: Final = 300
# Each name has a value, and none of either is spelled in another way than it stands.
_PLAIN = re.compile(r"[a-z_]+=[A-Za-z0-9_.-]+(?:&[a-z_]+=[A-Za-z0-9_.-]+)*\Z")
_SHORT_BYTES: Final = 2 * _FIELDS  # has no more fields than that


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `read` takes its text and raises ValueError with the rest of a sentence."""

    name: str
    about: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    default: Any = None
    required: bool = False


def whole(smallest: int, largest: int) -> Callable[[str], int]:
    """A whole number between two bounds, both allowed."""

    def read(text: str) -> int:
        if _DIGITS.match(text) and smallest <= int(text) <= largest:
            return int(text)
        raise ValueError(f"must be a whole number from {smallest} to {largest}")

    return read


def seconds(text: str) -> float:
    """A number of seconds, fractions allowed."""
    if _NUMBER.match(text):
        return float(text)
    raise ValueError("must be a number of seconds, such as 30")


def word(*words: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(text: str) -> str:
        if text in words:
            return text
        raise ValueError(f"must be {' or '.join(words)}")

    return read


def text(most: int) -> Callable[[str], str]:
    """Any text of some bytes."""

    def read(value: str) -> str:
        if 0 < len(value.encode()) <= most and value.isprintable():
            return value
        raise ValueError(f"must be printable text of 1 to {most} bytes")

    return read


def label(value: str) -> str:
    """A label as a context may have it; a key and its value have a sign between them."""
    if len(value.encode()) <= _LABEL_BYTES and is_label(value):
        return value
    raise ValueError(f"must be printable text of 1 to {_LABEL_BYTES} bytes")


def moment(value: str) -> int:
    """Microseconds of an RFC 3339 time; a plus sign may have become a space on its way."""
    try:
        return clock.from_text(value.replace(" ", "+"))
    except ValueError as error:
        raise ValueError("must be an RFC 3339 time such as 2026-01-31T12:00:00Z") from error


def integer(
    name: str,
    about: str,
    smallest: int,
    largest: int,
    *,
    default: int | None = None,
    required: bool = False,
) -> Param:
    schema: dict[str, Any] = {"type": "integer", "minimum": smallest, "maximum": largest}
    if default is not None:
        schema["default"] = default
    return Param(name, about, whole(smallest, largest), schema, default, required)


def version(name: str, about: str, *, required: bool = False) -> Param:
    return integer(name, about, 1, limits.VERSION_MAX, required=required)


def choice(name: str, about: str, *words: str, default: str | None = None) -> Param:
    schema: dict[str, Any] = {"type": "string", "enum": list(words)}
    if default is not None:
        schema["default"] = default
    return Param(name, about, word(*words), schema, default)


LIMIT: Final = integer(
    "limit", "How many items at most.", 1, limits.PAGE_MAX, default=limits.PAGE_DEFAULT
)
CURSOR: Final = Param("cursor", "`next` of the page before.", text(2048))
NAMESPACE: Final = Param(
    "namespace",
    "`users.42`, or `users.42.*` with everything below it.",
    NamespacePattern.parse,
    {
        "type": "string",
        "pattern": r"^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+){0,7}(\.\*)?)$",
        "maxLength": limits.NAMESPACE_BYTES,
        "examples": ["users.42.*"],
    },
)
KIND: Final = Param(
    "kind",
    "Only contexts of this kind.",
    check_kind,
    {"type": "string", "examples": ["conversation"]},
)
LABEL: Final = Param("label", "Only contexts with this label: a word, `key` or `key=value`.", label)
UPDATED_SINCE: Final = Param(
    "updated_since",
    "Only contexts that changed at or after this time.",
    moment,
    {"type": "string", "format": "date-time"},
)


CHUNKS: Final = (
    integer(
        "after",
        "Only chunks from this place in the manifest on.",
        0,
        limits.MANIFEST_CHUNKS,
        default=0,
    ),
    integer("limit", "How many chunks at most.", 1, limits.PAGE_MAX, default=limits.PAGE_MAX),
)


def read(declared: Sequence[Param], query: bytes) -> dict[str, Any]:
    """The value of each declared parameter, by name.

    Raises:
        MalformedError: one is not known, stands twice, is missing, or not what it must be.
    """
    found = {param.name: param.default for param in declared}
    given = _pairs(query) if query else {}
    by_name = {param.name: param for param in declared}
    for name, raw in given.items():
        if name not in by_name:
            raise MalformedError(_unknown(name, by_name))
        try:
            found[name] = by_name[name].read(raw)
        except ValueError as error:
            raise MalformedError(f"{name} {error}, not {shorten(raw)}") from error
    for param in declared:
        if param.required and param.name not in given:
            raise MalformedError(f"the parameter {param.name} is needed: {param.about}")
    return found


def _pairs(query: bytes) -> dict[str, str]:
    try:
        text = query.decode("ascii")
        if len(query) <= _SHORT_BYTES and _PLAIN.match(text):  # as nearly always
            pairs = [(name, value) for name, _, value in _split(text)]
        else:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError as error:
        raise MalformedError(
            f"the query cannot be read: it must be UTF-8 of {_FIELDS} parameters at most"
        ) from error
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedError(f"the parameter {shorten(twice)} stands twice")
    return found


def _split(text: str) -> Iterator[tuple[str, str, str]]:
    return (pair.partition("=") for pair in text.split("&"))


def _unknown(name: str, known: Mapping[str, Param]) -> str:
    there = f"there are {', '.join(known)}" if known else "this call takes none"
    return f"unknown parameter {shorten(name)}; {there}"
