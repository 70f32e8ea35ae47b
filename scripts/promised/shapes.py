"""JSON Schemas of two releases: who reads what the other writes goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from backstory.processing.schemas import narrowing, nesting
from backstory.processing.schemas.comparing import Comparison

Schema = Mapping[str, Any]
_RULES: Final = narrowing.RULES + nesting.RULES
_SHELF: Final = "#/components/schemas/"


class Shapes:
    """The schemas of one document, with what they refer to."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        found = document.get("components", {}).get("schemas", {})
        self._named: dict[str, Any] = _moved(found)

    def whole(self, schema: Schema) -> dict[str, Any]:
        """The schema by itself, with all that it refers to beside it."""
        moved = _moved(schema)
        return moved | {"$defs": self._reached(moved)}

    def _reached(self, schema: Any) -> dict[str, Any]:
        reached: dict[str, Any] = {}
        waiting = [*_references(schema)]
        while waiting:
            name = waiting.pop()
            if name in self._named and name not in reached:
                reached[name] = self._named[name]
                waiting += _references(reached[name])
        return reached


Side = tuple[Shapes, Schema]
"""A schema, and what it may refer to."""


def taken(new: Side, old: Side, release: str) -> Iterator[str]:
    """Why what was sent to the release is not taken any more."""
    yield from _fits(new, old, ("this code", release))


def understood(new: Side, old: Side, release: str) -> Iterator[str]:
    """Why who reads what the release answered cannot read what is answered now."""
    yield from _fits(old, new, (f"who knows {release}", "this code"))


def _fits(reader: Side, writer: Side, names: tuple[str, str]) -> Iterator[str]:
    """As a whole; or name by name, where one of several named shapes is written."""
    known, given = _alternatives(reader[1]), _alternatives(writer[1])
    if given and given.keys() <= known.keys():
        for name, schema in given.items():
            yield from _breaks(_whole((reader[0], known[name])), _whole((writer[0], schema)), names)
    else:
        yield from _breaks(_whole(reader), _whole(writer), names)


def _whole(side: Side) -> dict[str, Any]:
    return side[0].whole(side[1])


def _alternatives(schema: Schema) -> dict[str, Schema]:
    """The named shapes of which it is one; none where it is written in another way."""
    found = [each.get("$ref", "") for each in schema.get("anyOf", [schema])]
    return {name: {"$ref": name} for name in found} if all(found) else {}


def _breaks(
    reader: dict[str, Any], writer: dict[str, Any], names: tuple[str, str]
) -> Iterator[str]:
    for each in Comparison(reader, writer, names, _RULES).breaks():
        place = each.pointer.rpartition("/$defs/")[2] or "/"
        yield f"{place}: {each.detail}"


def _moved(schema: Any) -> Any:
    """With references into `$defs`; without OpenAPI's own `discriminator`, which asserts nothing."""
    if isinstance(schema, dict):
        return {
            name: value.replace(_SHELF, "#/$defs/") if name == "$ref" else _moved(value)
            for name, value in schema.items()
            if not (name == "discriminator" and isinstance(value, dict) and "propertyName" in value)
        }
    return [_moved(one) for one in schema] if isinstance(schema, list) else schema


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix("#/$defs/")
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)
