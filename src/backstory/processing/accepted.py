"""What a server can read and write: parsers by media type, message formats by name.

Both tables hold what is built in and what extensions add. A parser's maker takes nothing and
gives a `Parser`, a format's maker a `Format`; each has the name of its entry point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args

from backstory import extensions, limits
from backstory.domain.keys import shorten
from backstory.domain.messages import Format, Rendered
from backstory.errors import ConfigError, ExtensionError, MalformedError
from backstory.extensions import Extension, Group, guarded
from backstory.processing.formats import FORMATS
from backstory.processing.parsers import PARSERS
from backstory.processing.parsers.results import Parameters, Parsed, Parser, Records
from backstory.processing.sources import SOURCES

T = TypeVar("T")

_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*\Z")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_FORMS: Final = frozenset({"text", "markdown"})  # windows that are for no provider's API


@dataclass(frozen=True, slots=True)
class Accepted:
    """The tables; media types are in lower case and without parameters."""

    parsers: Mapping[str, Parser]
    formats: Mapping[str, Format]

    def added(self, *results: type[Parsed]) -> tuple[str, ...]:
        """The media types of extensions whose parsers give one of these."""
        return tuple(
            media_type
            for media_type, parser in self.parsers.items()
            if media_type not in PARSERS and parser.result in results
        )


BUILT_IN: Final = Accepted(PARSERS, FORMATS)


def with_extensions() -> Accepted:
    """What is built in, and what extensions add.

    Raises:
        ConfigError: an extension is broken, or takes what another one has.
    """
    added = extensions.made(parsers()).values()
    by_type = {media_type: parser for parser in added for media_type in parser.media_types}
    return Accepted(
        MappingProxyType({**PARSERS, **by_type}),
        MappingProxyType({**FORMATS, **extensions.made(formats())}),
    )


def parsers() -> Group[Parser]:
    """The group of parsers. No two read one media type."""
    taken = set(PARSERS)

    def make(extension: Extension, maker: Callable[[], Any]) -> Parser:
        parser = _made(maker, Parser)
        _require(parser.name == extension.name, f"its parser is named {parser.name}")
        _require(parser.result in get_args(Parsed), "result is Value, Records, Text or Table")
        most = limits.PARSE_BYTES
        _require(0 < parser.most_bytes <= most, f"most_bytes is from 1 to {most}")
        _require(bool(parser.media_types), "has no media type")
        for each in parser.media_types:
            _require(_MEDIA_TYPE.match(each) is not None, f"{shorten(each)} is no media type")
            _require(each not in taken, f"{each} has a parser already")
        taken.update(parser.media_types)
        return replace(parser, parse=_parse(extension, parser))

    names = frozenset(parser.name for parser in PARSERS.values())
    return Group(extensions.PARSERS, names, make)


def _parse(extension: Extension, parser: Parser) -> Callable[[bytes, Parameters], Parsed]:
    """An extension's parse, held to what parsers promise."""

    def checked(body: bytes, parameters: Parameters) -> Parsed:
        try:
            parsed = parser.parse(body, parameters)
        except ValueError as error:
            raise MalformedError(f"the body is no {parser.name}: {error}") from error
        if not isinstance(parsed, parser.result):
            raise ExtensionError(f"{extension} gave a {type(parsed).__name__}")
        if isinstance(parsed, Records) and len(parsed.values) != len(parsed.lines):
            raise ExtensionError(f"{extension} gave records without their lines")
        return parsed

    return guarded(extension, checked)


def formats() -> Group[Format]:
    """The group of formats. Their names are those of sources of an import, too."""

    def make(extension: Extension, maker: Callable[[], Any]) -> Format:
        form = _made(maker, Format)
        _require(form.name == extension.name, f"its format is named {form.name}")
        _require(_NAME.match(form.name) is not None, "its name is a letter, then [a-z0-9-]")
        members: Any = form.members
        named = isinstance(members, tuple) and all(isinstance(each, str) for each in members)
        _require(named and bool(members), "members is a tuple of names, one at least")
        parse = guarded(extension, form.parse)
        return replace(form, parse=parse, render=_render(extension, form))

    return Group(extensions.FORMATS, frozenset({*FORMATS, *SOURCES, *_FORMS}), make)


def _render(
    extension: Extension, form: Format
) -> Callable[[Sequence[Mapping[str, Any]]], Rendered]:
    """An extension's render, held to what formats promise."""

    def checked(entries: Sequence[Mapping[str, Any]]) -> Rendered:
        rendered = form.render(entries)
        messages = rendered.payload.get(form.members[0])
        if not isinstance(messages, list):
            raise ExtensionError(f"{extension} wrote no list of {form.members[0]}")
        return rendered

    return guarded(extension, checked)


def _made(maker: Callable[[], Any], wanted: type[T]) -> T:
    found = maker()
    if not isinstance(found, wanted):
        raise ConfigError(f"made {type(found).__name__}, not {wanted.__name__}")
    return found


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ConfigError(otherwise)
