"""JSON and JSON Lines, by the one strict reader."""

from __future__ import annotations

from typing import Any

from backstory import limits
from backstory.domain import strict_json
from backstory.errors import MalformedError, TooLargeError
from backstory.processing.parsers.results import Parameters, Records, Value
from backstory.processing.parsers.text import decode

_NODES = (b"[", b"{", b",", b":")


def parse_json(body: bytes, parameters: Parameters) -> Value:
    """One JSON value (RFC 8259, strict as domain.strict_json says).

    JSON is UTF-8; another charset is converted where the parameter says so.
    """
    return Value(strict_json.loads(_utf8(body, parameters)))


def parse_json_lines(body: bytes, parameters: Parameters) -> Records:
    """One JSON value a line; empty lines are passed over.

    Raises:
        MalformedError: a line is no strict JSON; `line` counts from 1.
        TooLargeError: over `limits.RECORDS` lines, or a line over `limits.RECORD_BYTES`, or
            brackets, commas and colons for over `limits.RECORDS_NODES` values.
    """
    data = _utf8(body, parameters)
    if sum(map(data.count, _NODES)) > limits.RECORDS_NODES:
        raise TooLargeError("too many values in one body", limit="RECORDS_NODES")
    values: list[Any] = []
    lines: list[int] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(values) == limits.RECORDS:
            raise TooLargeError(f"a body may hold {limits.RECORDS} records", limit="RECORDS")
        values.append(_record(line.strip(), number))
        lines.append(number)
    return Records(tuple(values), tuple(lines))


def _record(line: bytes, number: int) -> Any:
    if len(line) > limits.RECORD_BYTES:
        raise TooLargeError(
            f"line {number} has {len(line)} bytes; a record may have {limits.RECORD_BYTES}",
            limit="RECORD_BYTES",
            line=number,
        )
    try:
        return strict_json.loads(line)
    except MalformedError as error:
        raise MalformedError(
            f"line {number}: {error.detail}", **error.context, line=number
        ) from error


def _utf8(body: bytes, parameters: Parameters) -> bytes:
    said = parameters.get("charset", "utf-8").lower()
    return body if said in {"utf-8", "utf8"} else decode(body, parameters).encode()
