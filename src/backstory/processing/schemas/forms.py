"""A schema seen with its references followed and its annotations left out."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import orjson

from backstory.processing.schemas import checking, walking
from backstory.processing.schemas.walking import Path

ASSERTIONS: Final = frozenset(
    {
        "type",
        "enum",
        "const",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "required",
        "dependentRequired",
    }
)
"""Keywords that say something about a value by themselves; `format` is an annotation."""
_APPLIED: Final = walking.ONE - {"contentSchema"} | walking.LISTS | walking.MAPS


class Source:
    """A checked schema whose subschemas can be looked at by their paths."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.nodes = dict(walking.walk(schema))
        self.edges, _ = checking.references(self.nodes)
        self._forms: dict[Path, Form] = {}

    def at(self, path: Path) -> Form:
        """The subschema there; where it is nothing but a reference, the one referred to."""
        while path in self.edges and not _own(self.nodes[path]):
            path = self.edges[path]
        if path not in self._forms:
            self._forms[path] = Form(self, path)
        return self._forms[path]

    def expand(self, path: Path) -> Any:
        """The subschema with each reference in its target's place, without annotations."""
        node = self.nodes[path]
        if not isinstance(node, dict):
            return node
        grown: dict[str, Any] = {}
        for keyword in _own(node):
            grown[keyword] = self._grow(path, keyword, node[keyword])
        if path in self.edges:
            told = self.expand(self.edges[path])
            if not grown:
                return told
            grown["allOf"] = [*grown.get("allOf", ()), told]
        return grown

    def _grow(self, path: Path, keyword: str, value: Any) -> Any:
        if keyword in ASSERTIONS:
            return value
        if isinstance(value, list):
            return [self.expand((*path, keyword, i)) for i in range(len(value))]
        if keyword in walking.MAPS:
            return {name: self.expand((*path, keyword, name)) for name in value}
        return self.expand((*path, keyword))


class Form:
    """One subschema of a source. `path` is where it is written, behind references."""

    def __init__(self, source: Source, path: Path) -> None:
        self._source, self.path = source, path

    @cached_property
    def expanded(self) -> Any:
        return self._source.expand(self.path)

    @cached_property
    def encoded(self) -> bytes:
        return encoded(self.expanded)

    @property
    def keywords(self) -> dict[str, Any]:
        """What it asserts, references followed."""
        return self.expanded if isinstance(self.expanded, dict) else {}

    @property
    def admits_all(self) -> bool:
        return self.expanded is True or self.expanded == {}

    @property
    def admits_nothing(self) -> bool:
        return self.expanded is False

    def branches(self) -> list[Form]:
        """What must hold as well: `allOf`, and a reference that stands beside other keywords."""
        node = self._source.nodes[self.path]
        written = len(node.get("allOf", ())) if isinstance(node, dict) else 0
        found = [self.below("allOf", i) for i in range(written)]
        if self.path in self._source.edges:
            found.append(self._source.at(self._source.edges[self.path]))
        return found

    def below(self, *steps: str | int) -> Form:
        """A subschema below; one that admits everything where nothing is written."""
        path = self.path + steps
        if path in self._source.nodes:
            return self._source.at(path)
        return Anything(self._source, self.path)


class Anything(Form):
    """Stands where a schema says nothing, at the place that might have said it."""

    @cached_property
    def expanded(self) -> Any:
        return True


def encoded(value: Any) -> bytes:
    """A value's canonical bytes; Python takes 1, 1.0 and true for equal, JSON does not."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _own(node: dict[str, Any]) -> list[str]:
    """The keywords of a subschema that say something by themselves."""
    return [keyword for keyword in node if keyword in ASSERTIONS or keyword in _APPLIED]
