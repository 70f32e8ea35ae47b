"""What a violation is called: sentences that never repeat the value that was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import jsonschema_rs
import orjson

from backstory.domain.intake import escape, pointer_of
from backstory.domain.keys import shorten
from backstory.errors import Violation

_NAMED: Final = 20  # unexpected members that one place names


def violations(error: jsonschema_rs.ValidationError, pointer: str) -> Iterable[Violation]:
    """What one error of the validator says about the document that lies at the pointer.

    `rule` points to the keyword in the schema. Where members are not allowed, each is one
    violation of its own.
    """
    here, rule = pointer + pointer_of(error.instance_path), pointer_of(error.schema_path)
    name, value = error.kind.name, error.kind.value
    if name in {"additionalProperties", "unevaluatedProperties"} and isinstance(value, list):
        for member in value[:_NAMED]:
            place = f"{here}/{escape(member)}" if len(member) <= 60 else here
            yield Violation(place, "is not a member that is allowed here", rule)
        return
    yield Violation(here, sentence(name, value), rule)


def sentence(name: str, value: Any) -> str:
    """One sentence for a keyword that did not hold and what stands behind it."""
    write = _SENTENCES.get(name)
    return write(value) if write else f"does not hold to {name}"


def short(value: Any) -> str:
    """A value out of a schema, at most 60 characters of it."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."


def _name_of(error: Any) -> str:
    if not isinstance(error, jsonschema_rs.ValidationError):
        return "has a member whose name is not allowed"
    return f"has a member whose name {sentence(error.kind.name, error.kind.value)}"


_SENTENCES: Final[dict[str, Callable[[Any], str]]] = {
    "anyOf": lambda _: "fits none of the alternatives",
    "const": lambda value: f"must be {short(value)}",
    "contains": lambda _: "does not hold the items, or not in the number, that it must",
    "enum": lambda value: f"must be one of {short(value)}",
    "exclusiveMaximum": lambda value: f"must be less than {short(value)}",
    "exclusiveMinimum": lambda value: f"must be more than {short(value)}",
    "falseSchema": lambda _: "is not allowed here",
    "maxItems": lambda value: f"may have {short(value)} items",
    "maxLength": lambda value: f"may have {short(value)} characters",
    "maxProperties": lambda value: f"may have {short(value)} members",
    "maximum": lambda value: f"must be at most {short(value)}",
    "minItems": lambda value: f"must have at least {short(value)} items",
    "minLength": lambda value: f"must have at least {short(value)} characters",
    "minProperties": lambda value: f"must have at least {short(value)} members",
    "minimum": lambda value: f"must be at least {short(value)}",
    "multipleOf": lambda value: f"must be a multiple of {short(value)}",
    "not": lambda _: "fits what it must not",
    "oneOf": lambda _: "must fit exactly one of the alternatives",
    "pattern": lambda value: f"must match {shorten(str(value))}",
    "propertyNames": _name_of,
    "required": lambda value: f"must have {shorten(str(value))}",
    "type": lambda value: f"must be of type {' or '.join(map(str, value))}",
    "unevaluatedItems": lambda _: "has items that are not allowed here",
    "uniqueItems": lambda _: "must not hold an item twice",
}
