"""Parsers of extensions, held to what parsers promise.

A maker takes nothing and gives a `Parser` with the name of its entry point.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any, Final, get_args

from backstory import extensions, limits
from backstory.domain import strict_json
from backstory.errors import BrokenExtensionError, MalformedError
from backstory.extensions import Extension, Group, guarded, product, require
from backstory.processing.media_types import take
from backstory.processing.parsers import PARSERS
from backstory.processing.parsers.results import (
    Parameters,
    Parsed,
    Parser,
    Records,
    Table,
    Text,
    Value,
)

_NAMES: Final = frozenset(parser.name for parser in PARSERS.values())


def group(taken: set[str]) -> Group[Parser]:
    """The group of parsers. Their media types are added to those that are taken."""

    def make(extension: Extension, maker: Callable[[], Any]) -> Parser:
        parser = product(maker, Parser)
        require(parser.name == extension.name, f"its parser is named {parser.name}")
        require(parser.result in get_args(Parsed), "result is Value, Records, Text or Table")
        most = limits.PARSE_BYTES
        require(0 < parser.most_bytes <= most, f"most_bytes is from 1 to {most}")
        require(bool(parser.media_types), "it has no media type")
        for each in parser.media_types:
            take(each, taken)
        return replace(parser, parse=_held(extension, parser))

    return Group(extensions.PARSERS, _NAMES, make)


def _held(extension: Extension, parser: Parser) -> Callable[[bytes, Parameters], Parsed]:
    def parse(body: bytes, parameters: Parameters) -> Parsed:
        try:
            parsed = parser.parse(body, parameters)
            if isinstance(parsed, parser.result):
                return _strict(parsed)
        except ValueError as error:
            raise MalformedError(f"the body is no {parser.name}: {error}") from error
        except RecursionError as error:
            raise MalformedError(f"the body is no {parser.name}: it is too deep") from error
        raise BrokenExtensionError(
            f"{extension} gave {type(parsed).__name__}, not {parser.result.__name__}"
        )

    return guarded(extension, parse)


def _strict(parsed: Parsed) -> Parsed:
    """The same, where it is what strict JSON could have spelled.

    Raises:
        ValueError, MalformedError: it holds NaN, half surrogates, numbers beyond 64 bits or so.
        TypeError, IndexError: it holds what is no JSON at all, or records without their lines.
    """
    match parsed:
        case Value(value):
            return Value(_json(value))
        case Records(values, lines):
            return Records(tuple(_json(list(values))), tuple(lines[i] for i in range(len(values))))
        case Table(columns, rows):
            for cell in chain(columns or (), *rows):
                cell.encode()
        case Text(text, title):
            text.encode()
            (title or "").encode()
    return parsed


def _json(value: Any) -> Any:
    return strict_json.loads(json.dumps(value, allow_nan=False).encode())
