"""YAML as far as it is JSON: one document, the core schema of YAML 1.2, no tags of languages.

libyaml reads the text as events; what they become is decided here, so that `no` stays a word
(in YAML 1.1 it is false), no tag makes an object, and aliases are paid for with every value
they stand for: nine lines of them can otherwise mean a billion values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import yaml

from backstory import limits
from backstory.domain.keys import shorten
from backstory.errors import MalformedError, TooLargeError
from backstory.processing.parsers.results import Parameters, Value
from backstory.processing.parsers.text import decode

_CORE: Final = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?[0-9]{1,20}\Z|0o[0-7]{1,22}\Z|0x[0-9a-fA-F]{1,16}\Z")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DIRECTIVES = re.compile(r"^%", re.MULTILINE)
_NOT_GIVEN = object()


def parse_yaml(body: bytes, parameters: Parameters) -> Value:
    """The one value of a YAML document.

    Raises:
        MalformedError: no YAML, or no JSON value: a tag, two members of one name, a member
            whose name is no scalar, `<<`, `.nan`, two documents; with `line` and `column`.
        TooLargeError: over `limits.YAML_NODES` values or `limits.YAML_CHARS` of text with
            aliases written out, or deeper than `limits.JSON_DEPTH`.
    """
    text = decode(body, parameters)
    # Each directive is compared with all before it, by libyaml and before the first event.
    if len(_DIRECTIVES.findall(text)) > limits.YAML_DIRECTIVES:
        raise TooLargeError("too many lines begin with %", limit="YAML_DIRECTIVES")
    reader = _Reader()
    try:
        for event in _events(text):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _wrong(error.problem or "not YAML", mark) from error
    except yaml.YAMLError as error:
        raise MalformedError(f"not YAML: {shorten(str(error), 200)}") from error
    if reader.root is _NOT_GIVEN:
        raise MalformedError("there is nothing; a YAML document is needed")
    return Value(reader.root)


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text, Loader=yaml.CSafeLoader)


def _wrong(problem: str, mark: Any) -> MalformedError:
    if mark is None:
        return MalformedError(f"not YAML: {problem}")
    line, column = mark.line + 1, mark.column + 1
    return MalformedError(
        f"not YAML that is JSON: {problem} at line {line}, column {column}",
        line=line,
        column=column,
    )


@dataclass(slots=True)
class _Open:
    """A list or an object that has begun, and what stood read before it."""

    value: Any
    anchor: str | None
    nodes: int
    chars: int
    key: Any = _NOT_GIVEN


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for, and what it costs."""

    value: Any
    nodes: int
    chars: int


class _Reader:
    """Builds the value of a document from its events, within bounds."""

    def __init__(self) -> None:
        self.root: Any = _NOT_GIVEN
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 0
        self._chars = 0

    def take(self, event: Any) -> None:
        """The next event."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not _NOT_GIVEN:
            raise _wrong("a second document", event.start_mark)

    def _begin(self, event: Any) -> None:
        wanted = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if event.tag not in {None, "!", _CORE + wanted}:
            raise _wrong(f"the tag {shorten(event.tag)}", event.start_mark)
        if self._wants_key():
            raise _wrong("a member whose name is no scalar", event.start_mark)
        if len(self._open) >= limits.JSON_DEPTH:
            raise TooLargeError(f"YAML may be {limits.JSON_DEPTH} levels deep", limit="JSON_DEPTH")
        self._open.append(
            _Open({} if wanted == "map" else [], event.anchor, self._nodes, self._chars)
        )
        self._pay(1, 0, event)

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        self._keep(done.anchor, done.value, self._nodes - done.nodes, self._chars - done.chars)
        self._put(done.value, event)

    def _scalar(self, event: Any) -> None:
        self._pay(1, len(event.value), event)
        if self._wants_key():
            self._name(event)
            return
        value = _value(event)
        self._keep(event.anchor, value, 1, len(event.value))
        self._put(value, event)

    def _name(self, event: Any) -> None:
        if event.value == "<<" and not event.style:
            raise _wrong("a merge key; write the members out", event.start_mark)
        if event.value in self._open[-1].value:
            raise _wrong(f"a second member {shorten(event.value)}", event.start_mark)
        self._keep(event.anchor, event.value, 1, len(event.value))
        self._open[-1].key = event.value

    def _alias(self, event: Any) -> None:
        found = self._anchors.get(event.anchor)
        if found is None:
            raise _wrong(f"an alias of {shorten(event.anchor)}, not read yet", event.start_mark)
        if self._wants_key():
            raise _wrong("an alias as the name of a member", event.start_mark)
        self._pay(found.nodes, found.chars, event)
        if len(self._open) + _depth(found.value) > limits.JSON_DEPTH:
            raise TooLargeError(f"YAML may be {limits.JSON_DEPTH} levels deep", limit="JSON_DEPTH")
        self._put(deepcopy(found.value), event)

    def _wants_key(self) -> bool:
        if not self._open:
            return False
        last = self._open[-1]
        return isinstance(last.value, dict) and last.key is _NOT_GIVEN

    def _keep(self, anchor: str | None, value: Any, nodes: int, chars: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = _Anchored(value, nodes, chars)

    def _pay(self, nodes: int, chars: int, event: Any) -> None:
        self._nodes += nodes
        self._chars += chars
        for spent, limit in ((self._nodes, "YAML_NODES"), (self._chars, "YAML_CHARS")):
            if spent > getattr(limits, limit):
                line = event.start_mark.line + 1
                raise TooLargeError(
                    f"line {line} passes {getattr(limits, limit)}, aliases written out",
                    limit=limit,
                    line=line,
                )

    def _put(self, value: Any, event: Any) -> None:
        if not self._open:
            self.root = value
            return
        last = self._open[-1]
        if isinstance(last.value, list):
            last.value.append(value)
        elif last.key is _NOT_GIVEN:
            raise _wrong("a value without a name", event.start_mark)
        else:
            last.value[last.key] = value
            last.key = _NOT_GIVEN


def _depth(value: Any) -> int:
    """Levels of lists and objects; the value was built within the bound."""
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, list | dict)]:
        depth += 1
        level = [
            child for item in level for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _value(event: Any) -> Any:
    """The value of a scalar by the core schema (YAML 1.2.2 section 10.3.2)."""
    written: str = event.value
    tag = event.tag
    if tag is not None and tag != "!":
        if tag == f"{_CORE}str":
            return written
        resolved = _resolve(written, event)
        if tag != f"{_CORE}{_TYPES.get(type(resolved))}":
            raise _wrong(f"the tag {shorten(tag)}", event.start_mark)
        return resolved
    return written if event.style or tag == "!" else _resolve(written, event)


_TYPES: Final = {int: "int", float: "float", bool: "bool", type(None): "null"}


def _resolve(written: str, event: Any) -> Any:
    if written in _WORDS:
        return _WORDS[written]
    if _INTEGER.match(written):
        number = int(written, {"0o": 8, "0x": 16}.get(written[:2], 10))
        if limits.JSON_INTEGER_MIN <= number <= limits.JSON_INTEGER_MAX:
            return number
        raise _wrong("an integer that does not fit into 64 bits", event.start_mark)
    if _NO_NUMBER.match(written):
        raise _wrong("a number that JSON does not have", event.start_mark)
    if _NUMBER.match(written):
        if written.lstrip("+-").isdigit():
            raise _wrong("an integer that does not fit into 64 bits", event.start_mark)
        number_ = float(written)
        if math.isinf(number_):
            raise _wrong("a number that is too large", event.start_mark)
        return number_
    return written
