"""Operations of a commit from what a model sends, checked place by place."""

from __future__ import annotations

from typing import Any

from backstory.domain import commits, intake, kinds
from backstory.domain.commits import Conditions
from backstory.domain.keys import ContextKey
from backstory.domain.patches import JsonPatch, MergePatch, encode_state
from backstory.errors import SchemaError


def put(
    key: ContextKey,
    conditions: Conditions,
    *,
    kind: Any,
    state: Any,
    labels: Any,
    expires_at: Any,
    place: str = "",
) -> commits.Put:
    """A `put`; `kind` None keeps the kind of a context that is there.

    Raises:
        SchemaError, UnknownKindError, TooLargeError: as the parts say.
    """
    return commits.Put(
        key,
        None if kind is None else kinds.check_kind(kind),
        encode_state(state),
        intake.labels(labels),
        intake.moment(expires_at),
        conditions,
        place,
    )


def patch(merge: Any, ops: Any, pointer: str) -> JsonPatch | MergePatch:
    """The patch that was given in one of two forms.

    Raises:
        SchemaError: neither or both were given.
        InvalidPatchError: the list is no JSON Patch.
    """
    if (merge is None) == (ops is None):
        raise intake.wrong(pointer, "give either merge or ops")
    return JsonPatch.of(ops) if merge is None else MergePatch(merge)


def missing(pointer: str, name: str, op: str) -> SchemaError:
    """An operation lacks a member that it needs."""
    return intake.wrong(f"{pointer}/{name}", f"{op} needs it")
