"""Where subschemas stand in a JSON Schema 2020-12 document, and what refers to what.

Only what a keyword of the standard applies counts as a subschema: a `$ref` inside of `const`
or `examples` is data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

Path = tuple[str | int, ...]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ONE: Final = frozenset(
    {
        "not",
        "if",
        "then",
        "else",
        "additionalProperties",
        "propertyNames",
        "items",
        "contains",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    }
)
LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
SHELVES: Final = frozenset({"$defs", "definitions"})
"""Hold subschemas that apply only where something refers to them."""


def children(schema: Any) -> Iterator[tuple[Path, Any]]:
    """The subschemas one keyword below, each with its path from here."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword in ONE:
            yield (keyword,), value
        elif keyword in LISTS and isinstance(value, list):
            yield from (((keyword, i), item) for i, item in enumerate(value))
        elif (keyword in MAPS or keyword in SHELVES) and isinstance(value, dict):
            yield from (((keyword, name), item) for name, item in value.items())


def walk(schema: Any) -> Iterator[tuple[Path, Any]]:
    """The schema itself and all its subschemas, from the outside in."""
    waiting: list[tuple[Path, Any]] = [((), schema)]
    while waiting:
        path, found = waiting.pop()
        yield path, found
        waiting += [(path + step, child) for step, child in children(found)]


def target(reference: str) -> Path | None:
    """The path that a local reference (`#` or `#/...`) spells; None for any other.

    Numbers stay text; `find` knows both.
    """
    if reference == "#":
        return ()
    if not reference.startswith("#/"):
        return None
    tokens = unquote(reference[2:]).split("/")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def names(nodes: Mapping[Path, Any]) -> dict[tuple[str, ...], Path]:
    """Paths by what a reference can say, where a list's index is text."""
    return {tuple(str(token) for token in path): path for path in nodes}
