"""JSON values from a file, one at a time: JSON Lines, one array of values, or one value.

Nothing here holds more than one value and one piece of the file in memory. What cannot be
read is told with its line, and reading goes on behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from backstory import limits
from backstory.domain import strict_json
from backstory.errors import BackstoryError
from backstory.processing.conversations import Bad, Place

_BOM: Final = b"\xef\xbb\xbf"
_CHUNK: Final = 2**20
_LINES: Final = (".jsonl", ".ndjson")
# Whole strings, so that what stands in them counts for nothing; a quote alone is a string
# whose end has not been read yet.
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """One parsed value, its bytes, and whether it is all that the file holds."""

    place: Place
    data: Any
    raw: bytes
    alone: bool = False


def values(file: BinaryIO, name: str) -> Iterator[Value | Bad]:
    """All values of a file, in order. `name` is what the user calls it."""
    beginning, number = _beginning(file)
    if beginning.startswith(b"["):
        yield from _array(file, name, beginning, number)
        return
    first = beginning
    if not beginning.endswith(b"\n"):
        first += file.readline(limits.IMPORT_ITEM_BYTES + 1 - len(beginning))
    if name.lower().endswith(_LINES):
        yield from _lines(file, name, first, number)
    else:
        yield from _lines_or_one(file, name, first, number)


def _beginning(file: BinaryIO) -> tuple[bytes, int]:
    """What the first line that holds anything begins with, and its number.

    It is not read whole, since in an array without line breaks it is the whole file.
    """
    number = 1
    line = file.readline(_CHUNK).removeprefix(_BOM)
    while line and not line.strip():
        number += line.endswith(b"\n")
        line = file.readline(_CHUNK)
    return line.lstrip(), number


def _read_line(file: BinaryIO) -> bytes:
    return file.readline(limits.IMPORT_ITEM_BYTES + 1)


def _lines(file: BinaryIO, name: str, line: bytes, number: int) -> Iterator[Value | Bad]:
    while line:
        place = Place(name, number)
        whole = line
        while len(line) > limits.IMPORT_ITEM_BYTES and not line.endswith(b"\n"):
            line = _read_line(file)
        if whole.strip():
            yield _parse(place, whole)
        line = _read_line(file)
        number += 1


def _lines_or_one(file: BinaryIO, name: str, first: bytes, number: int) -> Iterator[Value | Bad]:
    """A file that does not say which: many lines, or one value over several lines."""
    second = _read_line(file)
    value = _parse(Place(name, number), first)
    if isinstance(value, Value) and not second.strip():
        rest = _lines(file, name, second, number + 1)
        following = next(rest, None)
        yield value if following else Value(value.place, value.data, value.raw, alone=True)
        if following:
            yield following
            yield from rest
    elif isinstance(value, Value) or _is_object(_parse(value.place, second)):
        yield value
        yield from _lines(file, name, second, number + 1)
    elif first:
        whole = first + second + file.read(limits.IMPORT_ITEM_BYTES + 1)
        yield _parse(value.place, whole, alone=True)


def _is_object(item: Value | Bad) -> bool:
    return isinstance(item, Value) and isinstance(item.data, dict)


def _array(file: BinaryIO, name: str, first: bytes, line: int) -> Iterator[Value | Bad]:
    splitter = _Splitter(file, first[1:], line)
    for number, raw in splitter:
        yield _parse(Place(name, number), raw)
    if splitter.problem:
        yield Bad(Place(name, splitter.line), splitter.problem)


class _Splitter:
    """Cuts an array, whose opening bracket was read, into its items.

    An item over the bound is cut short, so that whoever parses it sees that it is too long.
    """

    def __init__(self, file: BinaryIO, buffer: bytes, line: int) -> None:
        self._file = file
        self._buffer = buffer
        self._scanned = 0
        self._depth = 1
        self._seen = 0
        self.line = line
        self.problem = ""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        while True:
            yield from self._scan()
            if not self._depth:
                break
            more = self._file.read(max(_CHUNK, len(self._buffer)))
            if not more:
                self._skip_blanks()
                self.problem = "the file ends in the middle of an array"
                return
            if len(self._buffer) > 2 * limits.IMPORT_ITEM_BYTES and not self._shorten():
                self.problem = f"a text over {limits.IMPORT_ITEM_BYTES} bytes, or without an end"
                return
            self._buffer += more
        if (self._buffer + self._file.read(_CHUNK)).strip():
            self.problem = "there is something behind the end of the array"

    def _scan(self) -> Iterator[tuple[int, bytes]]:
        """The items that end in what was read; what is left begins the next one."""
        start = 0
        for token in _TOKEN.finditer(self._buffer, self._scanned):
            mark = token.group()
            self._scanned = token.end()
            if mark == b'"':
                self._scanned = token.start()
                break
            if mark in b"[{":
                self._depth += 1
            elif mark in b"]}":
                self._depth -= 1
            if self._depth == 0 or (self._depth == 1 and mark == b","):
                yield from self._item(self._buffer[start : token.start()], last=not self._depth)
                start = token.end()
                if not self._depth:
                    break
        self._buffer = self._buffer[start:]
        self._scanned = max(self._scanned - start, 0)

    def _item(self, raw: bytes, *, last: bool) -> Iterator[tuple[int, bytes]]:
        bare = raw.lstrip()
        begins = self.line + raw[: len(raw) - len(bare)].count(b"\n")
        if bare or not last or self._seen:
            yield begins, bare
        self._seen += 1
        self.line += raw.count(b"\n")

    def _skip_blanks(self) -> None:
        bare = self._buffer.lstrip()
        self.line += self._buffer[: len(self._buffer) - len(bare)].count(b"\n")

    def _shorten(self) -> bool:
        """Forget the middle of an item that is over the bound anyway, but not its lines."""
        kept = limits.IMPORT_ITEM_BYTES + 1
        if self._scanned <= kept:
            return False
        forgotten = self._buffer[kept : self._scanned]
        self._buffer = self._buffer[:kept] + self._buffer[self._scanned :]
        self.line += forgotten.count(b"\n")
        self._scanned = kept
        return True


def _parse(place: Place, raw: bytes, *, alone: bool = False) -> Value | Bad:
    if len(raw) > limits.IMPORT_ITEM_BYTES:
        return Bad(place, f"over {limits.IMPORT_ITEM_BYTES} bytes (limit IMPORT_ITEM_BYTES)")
    if not raw.strip():
        return Bad(place, "nothing stands here")
    try:
        return Value(place, strict_json.loads(raw), raw.strip(), alone)
    except BackstoryError as error:
        return Bad(place, error.detail)
