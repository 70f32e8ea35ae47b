"""What leads from one JSON value to another, in time that grows with their size and no faster.

The library that compares small states looks for moves, which takes it seconds for a list of
some 100 KB in another order, and a list is put in another order by one request. Here two lists are compared from both ends, and what
lies between one by one; whatever would be longer than the new value itself becomes that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstory.domain.pointers import escape

_FRAME: Final = len('{"op":"replace","path":"","value":},')
_SORTED: Final = orjson.OPT_SORT_KEYS

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Found:
    """Operations, and about how many bytes they have."""

    operations: list[Operation]
    size: int


def operations(old: Any, new: Any) -> list[Operation]:
    """RFC 6902 operations from the one to the other, with neither moves nor copies."""
    return _between(old, new, "").operations


def _between(old: Any, new: Any, path: str) -> _Found:
    raw = orjson.dumps(new, option=_SORTED)
    if raw == orjson.dumps(old, option=_SORTED):  # which tells 1, 1.0 and true apart
        return _Found([], 0)
    whole = _one("replace", path, new, len(raw))
    if isinstance(old, dict) and isinstance(new, dict):
        parts = _members(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        parts = _items(old, new, path)
    else:
        return whole
    found, size = [], 0
    for part in parts:
        size += part.size
        if size >= whole.size:
            return whole
        found += part.operations
    return _Found(found, size)


def _members(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[_Found]:
    for name in old:
        if name not in new:
            yield _one("remove", f"{path}/{escape(name)}")
    for name, value in new.items():
        place = f"{path}/{escape(name)}"
        if name in old:
            yield _between(old[name], value, place)
        else:
            yield _one("add", place, value, len(orjson.dumps(value)))


def _items(old: list[Any], new: list[Any], path: str) -> Iterator[_Found]:
    before = [orjson.dumps(item, option=_SORTED) for item in old]
    after = [orjson.dumps(item, option=_SORTED) for item in new]
    first, shorter = 0, min(len(before), len(after))
    while first < shorter and before[first] == after[first]:
        first += 1
    same = 0
    while same < shorter - first and before[-1 - same] == after[-1 - same]:
        same += 1
    both = shorter - same
    for place in range(first, both):
        yield _between(old[place], new[place], f"{path}/{place}")
    for _ in range(len(old) - same - both):
        yield _one("remove", f"{path}/{both}")
    for place in range(both, len(new) - same):
        yield _one("add", f"{path}/{place}", new[place], len(after[place]))


def _one(op: str, path: str, value: Any = None, size: int = 0) -> _Found:
    operation = {"op": op, "path": path}
    if op != "remove":
        operation["value"] = value
    return _Found([operation], _FRAME + len(path) + size)
