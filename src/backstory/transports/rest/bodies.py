"""Bodies: from bytes to a checked value, with a JSON Pointer to what is wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from backstory.domain import intake
from backstory.domain.commits import Operation
from backstory.errors import BackstoryError, SchemaError, Violation
from backstory.ports.hooks import Measure
from backstory.processing import steps
from backstory.transports.edge import strict_json

T = TypeVar("T")
Read = Callable[[bytes], Any]
Make = Callable[[Any], Sequence[Operation]]

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


async def json_value(raw: bytes, measure: Measure) -> Any:
    """The value of a body of JSON; a long one is read off the event loop.

    Raises:
        MalformedError: it is not strict JSON.
    """
    if len(raw) <= strict_json.INLINE_BYTES:
        return steps.run(measure, steps.PARSE, strict_json.loads, raw)
    return await asyncio.to_thread(steps.run, measure, steps.PARSE, strict_json.loads, raw)


class Sent:
    """A body on its way to become operations.

    `value` is what was parsed, and operations are made of it at once. What `make` finds wrong is
    kept until `build`, which `Writer.write` calls once the caller may write and is no retry.
    """

    __slots__ = ("_failure", "_made", "raw", "value")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.value: Any = None
        self._made: Sequence[Operation] = ()
        self._failure: BackstoryError | None = None

    @classmethod
    async def of(cls, raw: bytes, make: Make, measure: Measure) -> Sent:
        """Reads JSON.

        Raises:
            MalformedError: it is not strict JSON.
        """
        if len(raw) <= strict_json.INLINE_BYTES:
            return cls._read(raw, strict_json.loads, make, measure)
        return await cls.aside(raw, strict_json.loads, make, measure)

    @classmethod
    async def aside(cls, raw: bytes, read: Read, make: Make, measure: Measure) -> Sent:
        """Reads a body that may cost more than its length tells, off the event loop.

        Raises:
            BackstoryError: what `read` raises.
        """
        return await asyncio.to_thread(cls._read, raw, read, make, measure)

    @classmethod
    def _read(cls, raw: bytes, read: Read, make: Make, measure: Measure) -> Sent:
        sent = cls(raw)
        try:
            steps.run(measure, steps.PARSE, sent._parse, read, make)
        except BackstoryError as error:
            if error is not sent._failure:
                raise
        return sent

    def _parse(self, read: Read, make: Make) -> None:
        self.value = read(self.raw)
        try:
            self._made = make(self.value)
        except BackstoryError as error:
            self._failure = error
            raise

    def build(self) -> Sequence[Operation]:
        """The operations, for `Writer.write`.

        Raises:
            BackstoryError: what was sent makes none.
        """
        if self._failure is not None:
            raise self._failure
        return self._made
