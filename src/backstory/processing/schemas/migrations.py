"""Steps from one version of a kind's schema to the next, as JSON Patch templates.

A template is an RFC 6902 document with two additions. A value may hold, at any depth, an
object `{"$from": "/pointer"}`, which becomes what lies there in the state as it was before the
step, or `{"$from": "/pointer", "default": ...}` where nothing may lie there. An operation
may have `"when": "/pointer"`; it is left out where nothing lay there before the step. So the
same bytes always migrate to the same bytes, and what a step reads does not
depend on the order of its operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonpointer
import orjson

from backstory import limits
from backstory.domain.patches import JsonPatch
from backstory.errors import (
    InvalidPatchError,
    PatchConflictError,
    SchemaError,
    TooLargeError,
    Violation,
)

_FROM: Final = "$from"
_DEFAULT: Final = "default"
_WHEN: Final = "when"
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Migration:
    """One checked step to a version from the one before."""

    operations: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, document: Any, pointer: str = "/migration") -> Migration:
        """The step that parsed JSON spells.

        Raises:
            SchemaError: it is no list of templates; names the first bad operation.
            TooLargeError: it has more than `limits.MIGRATION_OPERATIONS`.
        """
        if isinstance(document, list) and len(document) > limits.MIGRATION_OPERATIONS:
            raise TooLargeError(
                f"{pointer}: a migration may have {limits.MIGRATION_OPERATIONS} operations",
                limit="MIGRATION_OPERATIONS",
            )
        try:
            checked = JsonPatch.of(document)
        except InvalidPatchError as error:
            index = error.context.get("operation")
            place = pointer if index is None else f"{pointer}/{index}"
            raise _wrong(place, error.detail) from error
        for index, operation in enumerate(checked.operations):
            _check(operation, f"{pointer}/{index}")
        return cls(checked.operations)

    def apply(self, state: bytes) -> bytes:
        """The state after the step.

        Raises:
            PatchConflictError: an operation does not apply, or nothing lies at a `$from`.
            SchemaError: the result is no JSON object.
            TooLargeError: the result is over `limits.STATE_BYTES`.
        """
        before = _Before(orjson.loads(state))
        concrete = [
            before.fill(index, operation)
            for index, operation in enumerate(self.operations)
            if _WHEN not in operation or before.holds(operation[_WHEN])
        ]
        return JsonPatch(tuple(concrete)).apply(state) if concrete else state


def migrate(
    state: bytes, migrations: Mapping[int, Migration], from_version: int, to_version: int
) -> bytes:
    """The state brought from one version of its schema to another, step by step.

    `migrations` maps a version to the step that leads to it; a version without one changed
    nothing that has to be migrated. Pure: nothing but the arguments counts.

    Raises:
        SchemaError: a step does not apply to this state; says which. Or the state was made by
            a later version than the one wanted.
        TooLargeError: a step's result is over `limits.STATE_BYTES`.
    """
    if from_version > to_version:
        raise _wrong(
            "", f"the state was made for version {from_version} of its kind, after {to_version}"
        )
    for version in range(from_version + 1, to_version + 1):
        step = migrations.get(version)
        if step is None:
            continue
        try:
            state = step.apply(state)
        except (PatchConflictError, SchemaError) as error:
            detail = f"the migration to version {version} of the kind does not apply"
            rule = f"/migrations/{version}"
            if "operation" in error.context:
                rule += f"/{error.context['operation']}"
            raise SchemaError(
                f"{detail}: {error.detail}", errors=(Violation("", detail, rule),), version=version
            ) from error
    return state


class _Before:
    """The state as it was before the step, and how much of it was copied."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._copied = 0

    def holds(self, pointer: str) -> bool:
        return self._at(pointer) is not _ABSENT

    def fill(self, index: int, operation: dict[str, Any]) -> dict[str, Any]:
        filled = {name: value for name, value in operation.items() if name != _WHEN}
        if "value" in filled:
            filled["value"] = self._filled(index, filled["value"])
        return filled

    def _filled(self, index: int, value: Any) -> Any:
        if isinstance(value, list):
            return [self._filled(index, item) for item in value]
        if not isinstance(value, dict):
            return value
        if _FROM not in value:
            return {name: self._filled(index, item) for name, item in value.items()}
        found = self._at(value[_FROM])
        if found is _ABSENT:
            found = value.get(_DEFAULT, _ABSENT)
        if found is _ABSENT:
            raise PatchConflictError(
                f"operation {index}: nothing lies at {value[_FROM]} and there is no default",
                operation=index,
            )
        self._copied += len(orjson.dumps(found))
        if self._copied > limits.STATE_BYTES:
            raise TooLargeError(
                f"a migration may copy {limits.STATE_BYTES} bytes of the state",
                limit="STATE_BYTES",
            )
        return found

    def _at(self, pointer: str) -> Any:
        try:
            found = jsonpointer.resolve_pointer(self._document, pointer, _ABSENT)
        except (jsonpointer.JsonPointerException, TypeError):
            return _ABSENT
        return _ABSENT if isinstance(found, jsonpointer.EndOfList) else found


def _check(operation: dict[str, Any], pointer: str) -> None:
    needed = {"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from"}
    member = needed.get(operation["op"])
    if member is not None and member not in operation:
        raise _wrong(pointer, f"{operation['op']} needs {member}")
    if _WHEN in operation:
        _check_pointer(operation[_WHEN], f"{pointer}/{_WHEN}")
    waiting = [(operation.get("value"), f"{pointer}/value")]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, list):
            waiting += [(item, f"{place}/{i}") for i, item in enumerate(value)]
        elif isinstance(value, dict) and _FROM in value:
            if not value.keys() <= {_FROM, _DEFAULT}:
                raise _wrong(place, "may hold $from and default and nothing else")
            _check_pointer(value[_FROM], f"{place}/{_FROM}")
        elif isinstance(value, dict):
            waiting += [(item, f"{place}/{name}") for name, item in value.items()]


def _check_pointer(pointer: Any, place: str) -> None:
    try:
        jsonpointer.JsonPointer(pointer)
    except (jsonpointer.JsonPointerException, TypeError) as error:
        raise _wrong(place, "must be a JSON Pointer, such as /name") from error


def _wrong(pointer: str, detail: str) -> SchemaError:
    return SchemaError(
        f"{pointer}: {detail}" if pointer else detail, errors=(Violation(pointer, detail),)
    )
