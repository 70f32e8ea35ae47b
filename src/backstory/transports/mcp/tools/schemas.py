"""JSON Schemas (2020-12) of tools, as small as they can be while they say what is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from backstory import limits

ITEMS: Final = "x-items"
"""In `Meta.extra_json_schema`: what the items of an array look like."""

# Bounds that only a broken caller meets are checked, but not worth their bytes here.
_DROPPED: Final = frozenset(
    {"title", "default", "minimum", "minItems", "minLength", "maxLength", ITEMS}
)
_ASSUMED: Final = {"maximum": limits.PAGE_MAX, "maxItems": limits.COMMIT_OPERATIONS}
_NAMES: Final = {str: "string", int: "integer", bool: "boolean", dict: "object", list: "array"}


def of(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a tool's arguments, without references."""
    (root,), components = msgspec.json.schema_components((arguments,), ref_template="{name}")
    schema = _plain(root, components)
    assert isinstance(schema, dict)
    return schema


def _plain(schema: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_plain(item, components) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        struct = _plain(components[schema["$ref"]], components)
        return {name: value for name, value in struct.items() if name != "description"} | rest
    plain: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            plain[name] = {key: _plain(each, components) for key, each in value.items()}
        elif name not in _DROPPED and not (name in _ASSUMED and value >= _ASSUMED[name]):
            plain[name] = _plain(value, components)
    if ITEMS in schema:
        plain["items"] = schema[ITEMS]
    return plain


def answer(members: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an answer: members by type, or by a schema of their own.

    Nothing is required, since a tool error is an answer too.
    """
    properties = {name: _member(kind) for name, kind in members.items()}
    return {"type": "object", "properties": properties}


def _member(kind: Any) -> Any:
    if isinstance(kind, dict):
        return kind
    if isinstance(kind, tuple):
        return {"type": [_NAMES[each] if each is not None else "null" for each in kind]}
    return {"type": _NAMES[kind]}
