"""Schemas compiled once, and documents held against them."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import Any, Final

import jsonschema_rs

from backstory import limits
from backstory.domain.intake import pointer_of
from backstory.errors import SchemaError, Violation
from backstory.processing.schemas import checking, walking, wording

_HIDDEN: Final = "the value"  # stands for what was sent in the validator's own messages


class SchemaValidator:
    """One compiled schema (JSON Schema 2020-12). Safe to share between threads.

    `format` is an annotation, as the standard has it by default, and is not checked.
    Patterns run in linear time; nothing is ever fetched.
    """

    __slots__ = ("_compiled",)

    def __init__(self, schema: Any, pointer: str = "/schema", *, trusted: bool = False) -> None:
        """Checks and compiles; takes 0.1 to some milliseconds.

        A `trusted` one comes with code that the operator installed: it is only compiled.

        Raises:
            SchemaError: it is no schema, or has a pattern that is refused; names each place.
            TooLargeError: over a bound of `limits`.
        """
        self._compiled = _compile(schema if trusted else _checked(schema, pointer), pointer)

    def accepts(self, document: Any) -> bool:
        """Whether the document fits; 1.5 µs for a state of 1 KB."""
        return self._compiled.is_valid(document)

    def violations(self, document: Any, pointer: str = "") -> tuple[Violation, ...]:
        """What is wrong with the document, which lies at the pointer in the request.

        All of it, up to `limits.VIOLATIONS`; in a document of more than
        `limits.VIOLATION_VALUES` values only the first, because looking for all holds the
        interpreter for 10 µs with each.
        """
        if self._compiled.is_valid(document):
            return ()
        if _has_more_values(document, limits.VIOLATION_VALUES):
            try:
                self._compiled.validate(document)
            except jsonschema_rs.ValidationError as error:
                return tuple(wording.violations(error, pointer))[: limits.VIOLATIONS]
        found = (
            violation
            for error in self._compiled.iter_errors(document)
            for violation in wording.violations(error, pointer)
        )
        return tuple(islice(found, limits.VIOLATIONS))

    def check(self, document: Any, pointer: str = "") -> None:
        """Nothing, where the document fits.

        Raises:
            SchemaError: it does not; `errors` points to the data and to the rules.
        """
        found = self.violations(document, pointer)
        if found:
            raise failed(found)


def failed(found: tuple[Violation, ...]) -> SchemaError:
    """The error for what does not fit its schema."""
    first, more = found[0], len(found) - 1
    tail = f" (and {more} more)" if more else ""
    return SchemaError(f"{first.pointer or 'the document'} {first.detail}{tail}", errors=found)


def _checked(schema: Any, pointer: str) -> dict[str, Any]:
    checked = checking.check(schema, pointer)
    wrong = tuple(
        Violation(v.pointer, f"is no JSON Schema: {v.detail}", v.rule)
        for error in islice(_dialect().iter_errors(checked), limits.VIOLATIONS)
        for v in wording.violations(error, pointer)
    )
    if wrong:
        raise failed(wrong[: limits.VIOLATIONS])
    return checked


def _compile(schema: dict[str, Any], pointer: str) -> jsonschema_rs.Validator:
    # An $id could give "#" another meaning than the one that was checked.
    plain = {keyword: value for keyword, value in schema.items() if keyword != "$id"}
    try:
        return jsonschema_rs.Draft202012Validator(
            plain,
            validate_formats=False,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=limits.SCHEMA_PATTERN_BYTES),
            offline=True,
            mask=_HIDDEN,
        )
    except jsonschema_rs.ValidationError as error:
        place = pointer + pointer_of(error.instance_path)
        detail = (
            "is not a pattern that runs in linear time (without look-around and "
            f"back-references) and compiles to at most {limits.SCHEMA_PATTERN_BYTES} bytes"
            if _is_pattern(error)
            else "cannot be compiled as JSON Schema 2020-12"
        )
        raise failed((Violation(place, detail),)) from error


def _is_pattern(error: jsonschema_rs.ValidationError) -> bool:
    return bool({"pattern", "patternProperties"} & set(map(str, error.instance_path)))


def _has_more_values(document: Any, most: int) -> bool:
    waiting, seen = [document], 0
    while waiting and seen <= most:
        item = waiting.pop()
        seen += 1
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return seen > most


@cache
def _dialect() -> jsonschema_rs.Validator:
    """The meta-schema, which the library brings along."""
    return jsonschema_rs.Draft202012Validator({"$ref": walking.DIALECT}, offline=True)
