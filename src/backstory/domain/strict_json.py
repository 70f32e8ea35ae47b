"""One strict reading of JSON, for everything that comes from outside.

Parsers differ in what they let through: one keeps the last of two members of one name, one
turns large integers into floats. Here a text means the same to everybody, or is refused:
UTF-8 (RFC 8259 section 8.1), unique names and no lone surrogates (RFC 7493 section 2), no
NaN, integers within 64 bits, and bounded depth and number of values.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from backstory import limits
from backstory.errors import MalformedError, TooLargeError

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_LONG_INTEGER: Final = re.compile(rb"(?<![\d.eE+-])-?\d{19,}(?![\d.eE])")


def loads(data: bytes, *, depth: int = limits.JSON_DEPTH, nodes: int = limits.JSON_NODES) -> Any:
    """The value that the text spells.

    Raises:
        MalformedError: it is no JSON, or JSON that others may read differently.
        TooLargeError: deeper than `depth` levels, or of more than `nodes` values and names.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"not JSON: {error}") from error
    members = _measure(value, depth, nodes)
    bare = _STRING.sub(b"", data)
    if bare.count(b":") != members:
        raise MalformedError(
            f"not strict JSON: the name {_repeated(data)} occurs twice in one object"
        )
    for number in _LONG_INTEGER.findall(bare):
        if not limits.JSON_INTEGER_MIN <= int(number[:25]) <= limits.JSON_INTEGER_MAX:
            raise MalformedError(
                "not strict JSON: an integer is beyond 64 bits; send it as text or as a float"
            )
    return value


def _measure(value: Any, depth: int, nodes: int) -> int:
    """How many members all objects have together, within bounds."""
    members, count = 0, 1
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                members += len(item)
                below.extend(item.values())
            else:
                below.extend(item)
        count += len(below)
        if count + members > nodes:
            raise TooLargeError(f"JSON may hold {nodes} values and names", limit="JSON_NODES")
        level = [item for item in below if isinstance(item, dict | list)]
        if not level:
            return members
    raise TooLargeError(f"JSON may be {depth} levels deep", limit="JSON_DEPTH")


def _repeated(data: bytes) -> str:
    """The first name that occurs twice in one object, for the message."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        found.extend(name for name in set(names) if names.count(name) > 1)

    json.loads(data, object_pairs_hook=look, parse_int=str)
    return ascii(found[0][:60]) if found else "of a member"
