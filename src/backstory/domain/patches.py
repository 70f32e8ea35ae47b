"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) on a context's state."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import jsonpatch
import jsonpointer
import orjson

from backstory import limits
from backstory.domain import differences
from backstory.domain.sizes import longer_than
from backstory.errors import (
    InvalidPatchError,
    PatchConflictError,
    SchemaError,
    TooLargeError,
    Violation,
)

ROOT_REPLACE: Final = "replace"
_NEEDED: Final = {  # beside op and path, which the library checks; it asks for these too late
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}
_FAILURES: Final = (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError)


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """A checked RFC 6902 document."""

    operations: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, document: Any) -> JsonPatch:
        """The patch that parsed JSON spells.

        Raises:
            InvalidPatchError: it is no list of well-formed operations; names the first bad one.
            TooLargeError: it has more than `limits.PATCH_OPERATIONS`.
        """
        if not isinstance(document, list):
            raise InvalidPatchError("a JSON Patch is a list of operations (RFC 6902 section 3)")
        if len(document) > limits.PATCH_OPERATIONS:
            raise TooLargeError(
                f"a JSON Patch may have {limits.PATCH_OPERATIONS} operations",
                limit="PATCH_OPERATIONS",
            )
        for index, operation in enumerate(document):
            _check_operation(index, operation)
        return cls(tuple(document))

    def apply(self, state: bytes) -> bytes:
        """The state after all operations, or an error and nothing.

        Raises:
            PatchConflictError: an operation does not apply or a `test` is false.
            SchemaError: the result is no JSON object.
            TooLargeError: the result is over `limits.STATE_BYTES`.
        """
        document = orjson.loads(state)
        copied = 0
        for index, operation in enumerate(self.operations):
            if operation["op"] == "copy":
                copied += _weight(document, operation["from"])
                if copied > limits.STATE_BYTES:
                    raise _too_large()
            try:
                patch = jsonpatch.JsonPatch([deepcopy(operation)])
                document = patch.apply(document, in_place=True)
            except _FAILURES as error:
                raise _conflict(index, operation, error) from error
        return encode_state(document)


@dataclass(frozen=True, slots=True)
class MergePatch:
    """An RFC 7396 document: members replace, null removes."""

    document: Any

    def apply(self, state: bytes) -> bytes:
        """The state after the merge.

        Raises:
            SchemaError: the result is no JSON object.
            TooLargeError: the result is over `limits.STATE_BYTES`.
        """
        return encode_state(_merge(orjson.loads(state), self.document))


def diff(before: bytes, after: bytes) -> list[dict[str, Any]]:
    """An RFC 6902 patch from one state to another: [] where they are equal.

    It is one `replace` of the root where that is smaller. Takes up to a second of the largest
    states; callers keep it off the event loop.
    """
    if before == after:
        return []
    old, new = orjson.loads(before), orjson.loads(after)
    if _canonical(old) == _canonical(new):
        return []
    if max(len(before), len(after)) > limits.DIFF_MOVES_BYTES:
        return differences.operations(old, new)
    operations: list[dict[str, Any]] = list(jsonpatch.make_patch(old, new))
    whole = [{"op": ROOT_REPLACE, "path": "", "value": new}]
    if len(orjson.dumps(operations)) >= len(after) or not _leads_to(old, operations, new):
        return whole
    return operations


def encode_state(document: Any) -> bytes:
    """The bytes a state is kept as.

    Raises:
        SchemaError: not an object, or deeper than `limits.STATE_DEPTH`.
        TooLargeError: over `limits.STATE_BYTES`.
    """
    if not isinstance(document, dict):
        detail = "the state must be a JSON object"
        raise SchemaError(detail, errors=(Violation("", detail),))
    if too_deep(document, limits.STATE_DEPTH):
        detail = f"the state may be {limits.STATE_DEPTH} levels deep"
        raise SchemaError(detail, errors=(Violation("", detail),))
    encoded = b"" if longer_than(document, limits.STATE_BYTES) else orjson.dumps(document)
    if not encoded or len(encoded) > limits.STATE_BYTES:
        raise _too_large()
    return encoded


def too_deep(value: Any, most: int) -> bool:
    """Whether arrays and objects are nested deeper than `most` levels."""
    level: list[Any] = [value]
    for _ in range(most + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: Any) -> Sequence[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else ()


def _too_large() -> TooLargeError:
    return TooLargeError(
        f"the state may have {limits.STATE_BYTES} bytes as compact JSON; "
        "put large text into entries or content",
        limit="STATE_BYTES",
    )


def _check_operation(index: int, operation: Any) -> None:
    if not isinstance(operation, dict):
        raise InvalidPatchError(f"operation {index} is no object", operation=index)
    try:
        jsonpatch.JsonPatch([operation])
        for member in ("path", "from"):
            if member in operation:
                jsonpointer.JsonPointer(operation[member])
    except _FAILURES as error:
        raise InvalidPatchError(
            f"operation {index} is not one: {_reason(error)} (RFC 6902 section 4)",
            operation=index,
        ) from error
    for member in _NEEDED[operation["op"]]:
        if member not in operation:
            raise InvalidPatchError(
                f"operation {index} has no {member} (RFC 6902 section 4)", operation=index
            )


def _conflict(index: int, operation: dict[str, Any], error: Exception) -> PatchConflictError:
    op, path = operation["op"], operation["path"]
    if isinstance(error, jsonpatch.JsonPatchTestFailed):
        detail = f"operation {index} (test {path}) is false; nothing was changed"
    else:
        detail = f"operation {index} ({op} {path}) does not apply; nothing was changed"
    return PatchConflictError(detail, errors=(Violation(f"/{index}", detail),), operation=index)


def _reason(error: Exception) -> str:
    text = str(error)
    return text if len(text) < 100 else type(error).__name__


def _weight(document: Any, pointer: str) -> int:
    """About the bytes that lie at the pointer; 0 where nothing does."""
    try:
        return len(orjson.dumps(jsonpointer.resolve_pointer(document, pointer)))
    except (jsonpointer.JsonPointerException, TypeError):
        return 0


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _leads_to(old: Any, operations: list[dict[str, Any]], new: Any) -> bool:
    """Whether the patch really makes the new state: libraries confuse 1, 1.0 and true."""
    try:
        return _canonical(jsonpatch.apply_patch(old, operations)) == _canonical(new)
    except _FAILURES:
        return False
