"""Reading long JSON a piece at a time, so that others have their turn in between.

The scanner of the `json` module is written in C and lets no other thread run until it is
done, which for some megabytes of short values takes a hundred milliseconds, whichever thread
it runs in. Here a text is looked over first, slice by slice, for what is longer than a slice.
Only that is taken apart in Python; everything shorter is the scanner's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final

from backstory import limits
from backstory.domain.keys import shorten
from backstory.errors import MalformedError

SLICE: Final = 64 * limits.KIB
"""Characters that the scanner may take at once: about a millisecond."""

_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)
_HALF: Final = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")
_HALF_CHARS: Final = 4  # of a spelling that may lie across two slices, before it is known
_BRACKET: Final = re.compile(r"[\[\]{}]")
_NODES: Final = ("[", "{", ",", ":")
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_HEX: Final = "[0-9a-fA-F]"
_HIGH: Final = rf"\\u[dD][89abAB]{_HEX}{{2}}"
_LOW: Final = rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
_CHARACTERS: Final = re.compile(
    rf'(?:[^"\\]++|{_HIGH}{_LOW}|\\u(?![dD][89abAB]){_HEX}{{4}}|\\[^u])*+', re.DOTALL
)
_ONE: Final = re.compile(rf"{_HIGH}(?:{_LOW})?|\\u{_HEX}{{4}}|\\[^u]", re.DOTALL)

Scan = Callable[[str, int], tuple[Any, int]]


@dataclass(slots=True)
class Shape:
    """What of a text is long: where each such list and object begins, each such string and ends."""

    wide: set[int] = field(default_factory=set)
    long: dict[int, int] = field(default_factory=dict)
    halves: bool = False
    """Whether halves of surrogate pairs are spelled anywhere."""


def shape_of(text: str, depth: int, nodes: int) -> Shape:
    """Looks the text over; what is no JSON is left to whoever reads it.

    Raises:
        MalformedError: deeper than `depth` levels, or of more than `nodes` values and names.
    """
    shape, opened = Shape(), list[int]()
    count, inside, begun, at = 0, False, 0, 0
    while at < len(text):
        piece = _slice(text, at)
        if "\\" in piece:
            before = max(0, at - _HALF_CHARS)
            shape.halves = shape.halves or bool(_HALF.search(text, before, at + len(piece)))
            parts = _ESCAPE.sub("__", piece).split('"')
        else:
            parts = piece.split('"')
        place = at
        for number, part in enumerate(parts):
            if number:  # a quote stands before it
                inside = not inside
                if inside:
                    begun = place - 1
                elif place - begun > SLICE:
                    shape.long[begun] = place
            if part and not inside:
                count += sum(map(part.count, _NODES))
                _follow(part, place, opened, shape.wide, depth)
            place += len(part) + 1
        if count >= nodes:
            raise MalformedError(f"JSON may hold {nodes} values and names", limit="JSON_NODES")
        at += len(piece)
    if inside:
        shape.long[begun] = len(text) + 1
    shape.wide.update(opened)
    return shape


def _slice(text: str, at: int) -> str:
    """The next slice, and one more character where an escape would be cut in two."""
    piece = text[at : at + SLICE]
    if piece.endswith("\\") and _ESCAPE.sub("", piece).endswith("\\"):
        piece = text[at : at + SLICE + 1]
    return piece


def _follow(part: str, place: int, opened: list[int], wide: set[int], depth: int) -> None:
    """Opens and closes what the brackets outside of strings do."""
    for bracket in _BRACKET.finditer(part):
        if bracket[0] in "[{":
            opened.append(place + bracket.start())
            if len(opened) > depth:
                raise MalformedError(f"JSON may be {depth} levels deep", limit="JSON_DEPTH")
        elif opened:
            begun = opened.pop()
            if place + bracket.start() - begun > SLICE:
                wide.add(begun)


class Reader:
    """Reads one text of a known shape; short values by the scanner."""

    def __init__(self, text: str, shape: Shape, scan: Scan) -> None:
        self._text, self._scan = text, scan
        self._wide, self._long = shape.wide, shape.long

    def whole(self) -> Any:
        """The value that the text spells, and nothing else.

        Raises:
            MalformedError: a name twice, or what the scanner refuses.
            json.JSONDecodeError: it is no JSON.
        """
        value, at = self._value(self._skip(0))
        at = self._skip(at)
        if at < len(self._text):
            raise self._wrong("Extra data", at)
        return value

    def _value(self, at: int) -> tuple[Any, int]:
        if at in self._wide:
            return self._list(at) if self._text[at] == "[" else self._object(at)
        if at in self._long:
            return self._string(at)
        try:
            return self._scan(self._text, at)
        except StopIteration as error:
            raise self._wrong("Expecting value", error.value) from None

    def _list(self, at: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        at = self._skip(at + 1)
        if self._text.startswith("]", at):
            return values, at + 1
        while True:
            value, at = self._value(at)
            values.append(value)
            at = self._skip(at)
            if self._text.startswith("]", at):
                return values, at + 1
            at = self._over(",", at)

    def _object(self, at: int) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        at = self._skip(at + 1)
        if self._text.startswith("}", at):
            return members, at + 1
        while True:
            if not self._text.startswith('"', at):
                raise self._wrong("Expecting property name enclosed in double quotes", at)
            name, at = self._value(at)
            if name in members:
                raise twice(name)
            if len(members) >= limits.JSON_MEMBERS:
                raise MalformedError(
                    f"an object in JSON may have {limits.JSON_MEMBERS} members",
                    limit="JSON_MEMBERS",
                )
            at = self._over(":", self._skip(at))
            members[name], at = self._value(at)
            at = self._skip(at)
            if self._text.startswith("}", at):
                return members, at + 1
            at = self._over(",", at)

    def _string(self, at: int) -> tuple[str, int]:
        end = self._long[at]
        return "".join(self._characters(at + 1, end - 1)), end

    def _characters(self, at: int, end: int) -> Iterator[str]:
        if end >= len(self._text):
            raise self._wrong("Unterminated string starting at", at - 1)
        while at < end:
            found = _CHARACTERS.match(self._text, at, min(at + SLICE, end))
            if not found or found.end() == at:  # half of a pair, or the rest lies behind the slice
                found = _ONE.match(self._text, at, end)
            if not found:
                raise self._wrong("Invalid \\escape", at)
            try:
                yield scanstring(f'"{found[0]}"', 1)[0]
            except json.JSONDecodeError as error:
                raise self._wrong(error.msg, at + error.pos - 1) from None
            at = found.end()

    def _over(self, sign: str, at: int) -> int:
        """The place of what follows the sign."""
        if not self._text.startswith(sign, at):
            raise self._wrong(f"Expecting '{sign}' delimiter", at)
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        """The place behind white space."""
        while found := _SPACE.match(self._text, at, at + SLICE):
            if found.end() < at + SLICE:
                return found.end()
            at = found.end()
        return at

    def _wrong(self, message: str, at: int) -> json.JSONDecodeError:
        return json.JSONDecodeError(message, self._text, at)


def twice(name: str) -> MalformedError:
    """The error for a name that an object has already."""
    return MalformedError(f"not strict JSON: the name {shorten(name)} occurs twice in one object")


def has_halves(value: Any) -> bool:
    """Whether a text or a name in the value holds half of a surrogate pair."""
    if isinstance(value, str):
        return not _whole(value)
    if isinstance(value, dict):
        return any(not _whole(name) or has_halves(each) for name, each in value.items())
    return isinstance(value, list) and any(has_halves(each) for each in value)


def _whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        return text.encode() is not None
    except UnicodeEncodeError:
        return False
