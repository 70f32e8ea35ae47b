"""Whether a document may be used as a schema: its bounds, its references, its patterns.

What is refused here could cost without bound later, or would not mean what its author
thinks: references out of the document, references in a circle, drafts before 2020-12.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

import orjson

from backstory import limits
from backstory.domain.intake import pointer_of
from backstory.domain.keys import shorten
from backstory.domain.patches import too_deep
from backstory.errors import SchemaError, TooLargeError, Violation
from backstory.processing.schemas import walking
from backstory.processing.schemas.walking import Path

_FOREIGN: Final = {
    "$anchor": "refer by #/$defs/... instead",
    "$dynamicAnchor": "refer by #/$defs/... instead",
    "$dynamicRef": "use $ref with #/$defs/... instead",
    "$recursiveAnchor": "it is not of 2020-12",
    "$recursiveRef": "it is not of 2020-12",
    "$vocabulary": "schemas of kinds are no dialects",
    "additionalItems": "it is not of 2020-12; use prefixItems and items",
    "dependencies": "it is not of 2020-12; use dependentRequired or dependentSchemas",
}


def check(schema: Any, pointer: str = "/schema") -> dict[str, Any]:
    """The schema itself, within bounds and with references that stay inside of it.

    What the keywords hold is checked when it is compiled (`validating.SchemaValidator`).

    Raises:
        SchemaError: each wrong place is named, up to `limits.VIOLATIONS`.
        TooLargeError: over `limits.SCHEMA_BYTES` and its kin.
    """
    if not isinstance(schema, dict):
        raise _error([Violation(pointer, "must be a JSON Schema that is an object")])
    if too_deep(schema, limits.SCHEMA_DEPTH):
        raise _large(pointer, "SCHEMA_DEPTH", "levels of nesting")
    if len(orjson.dumps(schema)) > limits.SCHEMA_BYTES:
        raise _large(pointer, "SCHEMA_BYTES", "bytes")
    nodes = dict(walking.walk(schema))
    if len(nodes) > limits.SCHEMA_NODES:
        raise _large(pointer, "SCHEMA_NODES", "subschemas")
    wrong = [Violation(pointer + v.pointer, v.detail) for v in _foreign(nodes)]
    wrong += [Violation(pointer + v.pointer, v.detail) for v in _patterns(nodes, pointer)]
    edges, unresolved = references(nodes)
    wrong += [Violation(pointer + pointer_of(path), detail) for path, detail in unresolved]
    if wrong:
        raise _error(wrong)
    _check_expansion(nodes, edges, pointer)
    return schema


def references(
    nodes: dict[Path, Any],
) -> tuple[dict[Path, Path], list[tuple[Path, str]]]:
    """Each `$ref` with the subschema it names, and what is wrong with the others."""
    known = walking.names(nodes)
    edges: dict[Path, Path] = {}
    wrong: list[tuple[Path, str]] = []
    for path, node in nodes.items():
        if not isinstance(node, dict) or "$ref" not in node:
            continue
        reference, where = node["$ref"], (*path, "$ref")
        tokens = walking.target(reference) if isinstance(reference, str) else None
        if tokens is None:
            wrong.append((where, "must be local, such as #/$defs/name; nothing is ever fetched"))
        elif tuple(map(str, tokens)) not in known:
            wrong.append((where, f"there is no subschema at {shorten(reference)}"))
        else:
            edges[path] = known[tuple(map(str, tokens))]
    return edges, wrong


def _foreign(nodes: dict[Path, Any]) -> list[Violation]:
    found = []
    for path, node in nodes.items():
        if not isinstance(node, dict):
            continue
        here = pointer_of(path)
        found += [
            Violation(f"{here}/{keyword}", f"{keyword} is not used here: {why}")
            for keyword, why in _FOREIGN.items()
            if keyword in node
        ]
        dialect = node.get("$schema", walking.DIALECT)
        if not isinstance(dialect, str) or dialect.rstrip("#") != walking.DIALECT:
            found.append(Violation(f"{here}/$schema", f"must be {walking.DIALECT}"))
        if "$id" in node and path:
            found.append(Violation(f"{here}/$id", "only the whole schema may have an $id"))
    return found


def _patterns(nodes: dict[Path, Any], pointer: str) -> list[Violation]:
    """Patterns over their bound in characters; that they are linear is the compiler's to say."""
    patterns: list[tuple[Path, str]] = []
    for path, node in nodes.items():
        if not isinstance(node, dict):
            continue
        if isinstance(node.get("pattern"), str):
            patterns.append(((*path, "pattern"), node["pattern"]))
        if isinstance(node.get("patternProperties"), dict):
            keys = node["patternProperties"]
            patterns += [((*path, "patternProperties", key), key) for key in keys]
    if len(patterns) > limits.SCHEMA_PATTERNS:
        raise _large(pointer, "SCHEMA_PATTERNS", "patterns")
    return [
        Violation(pointer_of(path), f"may have {limits.SCHEMA_PATTERN_CHARS} characters")
        for path, pattern in patterns
        if len(pattern) > limits.SCHEMA_PATTERN_CHARS
    ]


def _check_expansion(nodes: dict[Path, Any], edges: dict[Path, Path], pointer: str) -> None:
    """Bounds what one value can cost: subschemas with references followed, without circles.

    Doubling at each of n levels costs 2^n: a circle does that by itself as soon as two
    branches lead back to it, which is why circles are refused and not only counted.
    """
    below: dict[Path, list[Path]] = {}
    above: dict[Path, list[Path]] = defaultdict(list)
    for path, node in nodes.items():
        steps = [path + s for s, _ in walking.children(node) if s[0] not in walking.SHELVES]
        below[path] = steps + ([edges[path]] if path in edges else [])
        for child in below[path]:
            above[child].append(path)
    open_ends = Counter({path: len(found) for path, found in below.items()})
    ready = [path for path, count in open_ends.items() if not count]
    size: dict[Path, int] = {}
    depth: dict[Path, int] = {}
    while ready:
        path = ready.pop()
        size[path] = 1 + sum(size[child] for child in below[path])
        depth[path] = 1 + max((depth[child] for child in below[path]), default=0)
        for parent in above[path]:
            open_ends[parent] -= 1
            if not open_ends[parent]:
                ready.append(parent)
    if len(size) < len(nodes):
        raise _error(_circle(below, edges, set(nodes) - set(size), pointer))
    if size[()] > limits.SCHEMA_EXPANDED_NODES:
        raise _large(pointer, "SCHEMA_EXPANDED_NODES", "subschemas with references followed")
    if depth[()] > limits.SCHEMA_EXPANDED_DEPTH:
        raise _large(pointer, "SCHEMA_EXPANDED_DEPTH", "levels with references followed")


def _circle(
    below: dict[Path, list[Path]], edges: dict[Path, Path], stuck: set[Path], pointer: str
) -> list[Violation]:
    """The references of one circle, found by going on from anywhere that leads into one."""
    seen: list[Path] = []
    path = min(stuck, key=str)
    while path not in seen:
        seen.append(path)
        path = next(child for child in below[path] if child in stuck)
    ring = seen[seen.index(path) :]
    detail = "refers back to where it stands; schemas of kinds have no circles"
    return [
        Violation(f"{pointer}{pointer_of(each)}/$ref", detail) for each in ring if each in edges
    ]


def _error(wrong: list[Violation]) -> SchemaError:
    first = wrong[0]
    return SchemaError(f"{first.pointer}: {first.detail}", errors=tuple(wrong[: limits.VIOLATIONS]))


def _large(pointer: str, limit: str, unit: str) -> TooLargeError:
    most = getattr(limits, limit)
    return TooLargeError(f"{pointer}: a schema may have {most} {unit}", limit=limit)
