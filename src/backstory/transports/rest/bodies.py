"""Bodies: from bytes to a checked value, with a JSON Pointer to what is wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from backstory.contexts.writing import Build
from backstory.domain import intake
from backstory.domain.commits import Operation
from backstory.errors import BackstoryError, SchemaError, Violation
from backstory.transports.edge import strict_json

T = TypeVar("T")
Read = Callable[[bytes], Any]

_PATH = re.compile(r"(.*?)(?: - at `(?:key in )?\$([^`]*)`)?\Z", re.DOTALL)
_TOKEN = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]*)`")


def shaped(value: Any, shape: type[T], pointer: str = "") -> T:
    """The value as a struct.

    Raises:
        SchemaError: it has another shape; the pointer says where.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _violation(str(error), pointer) from error


def _violation(message: str, pointer: str) -> SchemaError:
    match = _PATH.match(message)
    text, path = (match[1], match[2] or "") if match else (message, "")
    tokens: list[str] = [name or index for name, index in _TOKEN.findall(path)]
    named = _NAMED.search(text)
    if named is not None:
        tokens.append(named[1])
    place = pointer + intake.pointer_of(tokens)
    detail = text[:1].lower() + text[1:]
    return SchemaError(f"{place or 'the body'}: {detail}", errors=(Violation(place, detail),))


class Sent:
    """A body on its way to become operations.

    `value` is what was parsed. `build` makes operations of it, for `Writer.write`; of a long
    body they are made beforehand and off the event loop, and a failure kept until `build`.
    """

    __slots__ = ("_failure", "_made", "_make", "raw", "value")

    def __init__(self, raw: bytes, value: Any, make: Callable[[Any], Sequence[Operation]]) -> None:
        self.raw = raw
        self.value = value
        self._make = make
        self._made: Sequence[Operation] | None = None
        self._failure: BackstoryError | None = None

    @classmethod
    async def of(cls, raw: bytes, make: Callable[[Any], Sequence[Operation]]) -> Sent:
        """Reads the body.

        Raises:
            MalformedError: it is not strict JSON.
        """
        if len(raw) <= strict_json.INLINE_BYTES:
            return cls(raw, strict_json.loads(raw), make)
        return await cls.aside(raw, strict_json.loads, make)

    @classmethod
    async def aside(
        cls, raw: bytes, read: Read, make: Callable[[Any], Sequence[Operation]]
    ) -> Sent:
        """Reads a body that may cost more than its length tells, off the event loop.

        Raises:
            BackstoryError: what `read` raises.
        """
        return await asyncio.to_thread(cls._read, raw, read, make)

    @classmethod
    def _read(cls, raw: bytes, read: Read, make: Callable[[Any], Sequence[Operation]]) -> Sent:
        sent = cls(raw, read(raw), make)
        try:
            sent._made = make(sent.value)
        except BackstoryError as error:
            sent._failure = error
        return sent

    @property
    def build(self) -> Build:
        return self._build

    def _build(self) -> Sequence[Operation]:
        if self._failure is not None:
            raise self._failure
        return self._make(self.value) if self._made is None else self._made
