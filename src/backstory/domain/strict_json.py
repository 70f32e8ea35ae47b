"""One strict reading of JSON, for everything that comes from outside.

Parsers differ in what they let through: one keeps the last of two members of one name, one
turns large integers into floats. Here a text means the same to everybody, or is refused:
UTF-8 (RFC 8259 section 8.1), unique names and no lone surrogates (RFC 7493 section 2), no
NaN, integers within 64 bits. Depth and number of values are bounded before anything is
built, since a value may cost a hundred times its bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, Final, NoReturn

import orjson

from backstory import limits
from backstory.domain import long_json
from backstory.domain.keys import shorten
from backstory.errors import MalformedError

_BOM = b"\xef\xbb\xbf"
_INTEGER_CHARS = 20  # of the largest and the smallest integer allowed
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# One that never ends is taken to the end, or each quote in it would be tried as a beginning.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_OPENING = frozenset(b"[{")
_NODES = (b"[", b"{", b",", b":")
_PLAIN_BYTES = 64 * limits.KIB  # beyond it, reading twice may cost more than it saves
_BLANKS: Final = b" \t\n\r"
_UNSURE: Final = object()


def loads(data: bytes, *, depth: int = limits.JSON_DEPTH, nodes: int = limits.JSON_NODES) -> Any:
    """The value that the text spells.

    Raises:
        MalformedError: it is no JSON, or JSON that others may read differently; deeper than
            `depth` levels, or of more than `nodes` values and names.
    """
    if (plain := _plain(data, depth, nodes)) is not _UNSURE:
        return plain
    text = _text(data)
    try:
        if len(text) > long_json.SLICE:
            return _long(text, depth, nodes)
        _check_shape(data, depth, nodes)
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedError(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    if _SURROGATE.search(data) and long_json.has_halves(value):
        raise _half()
    return value


def _plain(data: bytes, depth: int, nodes: int) -> Any:
    """The value of a text that is spelled as orjson would spell it, which costs a fifth.

    What comes back the same, but for blanks, has as many members and elements as the value, so no
    name twice; no number that somebody rounds, no half of a surrogate pair and no constant that
    JSON does not have. To leave out all blanks takes none of these apart or together, and those in
    texts are left out of both. Of anything else nothing is known yet.
    """
    if len(data) > min(nodes, _PLAIN_BYTES) or data.count(b"[") + data.count(b"{") > depth:
        return _UNSURE
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _UNSURE
    spelled = orjson.dumps(value)
    same = spelled == data or spelled.translate(None, _BLANKS) == data.translate(None, _BLANKS)
    return value if same else _UNSURE


def _long(text: str, depth: int, nodes: int) -> Any:
    shape = long_json.shape_of(text, depth, nodes)
    scan: long_json.Scan = _DECODER.scan_once  # type: ignore[attr-defined]
    value = long_json.Reader(text, shape, scan).whole()
    if shape.halves and long_json.has_halves(value):
        raise _half()
    return value


def _text(data: bytes) -> str:
    if not data or data.isspace():
        raise MalformedError("there is nothing; JSON is needed")
    if data.startswith(_BOM):
        raise MalformedError("not strict JSON: a byte order mark stands before it")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"not UTF-8: wrong byte at offset {error.start}") from error


def _check_shape(data: bytes, depth: int, nodes: int) -> None:
    """Counts first, which is cheap, and looks closer only where the counts do not settle it."""
    if data.count(b"[") + data.count(b"{") <= depth and len(data) <= nodes:
        return
    bare = _STRING.sub(b"", data)
    if sum(map(bare.count, _NODES)) >= nodes:
        raise MalformedError(f"JSON may hold {nodes} values and names", limit="JSON_NODES")
    level = 0
    for bracket in _BRACKET.finditer(bare):
        level += 1 if bare[bracket.start()] in _OPENING else -1
        if level > depth:
            raise MalformedError(f"JSON may be {depth} levels deep", limit="JSON_DEPTH")


def _half() -> MalformedError:
    return MalformedError("not strict JSON: half of a surrogate pair, which is no text")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    counts = Counter(name for name, _ in pairs)
    twice = next(name for name, count in counts.items() if count > 1)
    raise long_json.twice(twice)


def _integer(digits: str) -> int:
    if len(digits) <= _INTEGER_CHARS:
        number = int(digits)
        if limits.JSON_INTEGER_MIN <= number <= limits.JSON_INTEGER_MAX:
            return number
    raise MalformedError(
        f"not strict JSON: {shorten(digits, 30)} does not fit into 64 bits; "
        "send it as text or as a float"
    )


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise MalformedError(f"not strict JSON: {shorten(digits, 30)} is too large for a number")
    return number


def _constant(word: str) -> NoReturn:
    raise MalformedError(f"not strict JSON: {word}, which JSON does not have")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
