"""Commits across contexts."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from backstory import limits
from backstory.transports.rest.schemas.entries import NewEntries
from backstory.transports.rest.schemas.words import (
    JSON_PATCH_SCHEMA,
    Address,
    Condition,
    Labels,
    Moment,
    Object,
    Seq,
)


class Operation(Struct, forbid_unknown_fields=True, tag_field="op", kw_only=True):
    """What the operations of a commit have in common."""

    context: Address
    if_version: Condition | None = None
    if_state_version: Condition | None = None


class PutOperation(Operation, tag="put"):
    """Creates a context, or replaces its state, labels and expiry as a whole."""

    kind: str | None = None
    state: Object | UnsetType = UNSET
    labels: Labels | None = None
    expires_at: Moment | None = None


class PatchOperation(Operation, tag="patch"):
    """Changes the state by either `merge` (RFC 7396) or `ops` (RFC 6902)."""

    merge: Any = UNSET
    ops: Annotated[Any, Meta(extra_json_schema=JSON_PATCH_SCHEMA)] = UNSET


class AppendOperation(Operation, tag="append"):
    """Adds entries behind the last."""

    entries: NewEntries


class DeleteOperation(Operation, tag="delete"):
    """Takes the context away and keeps its history."""


AnyOperation = PutOperation | PatchOperation | AppendOperation | DeleteOperation


class CommitOperations(Struct, forbid_unknown_fields=True):
    """Operations that happen together or not at all."""

    operations: Annotated[
        list[AnyOperation],
        Meta(min_length=1, extra_json_schema={"maxItems": limits.COMMIT_OPERATIONS}),
    ]


class CommitResult(Struct, omit_defaults=True):
    """What one operation came to."""

    context: str
    op: str
    version: int
    changed: bool
    created: bool | int = False
    first_seq: Seq | UnsetType = UNSET
    last_seq: Seq | UnsetType = UNSET
    seqs: list[Seq] | UnsetType = UNSET


class Committed(Struct):
    """`commit` is null where nothing changed."""

    commit: str | None
    results: list[CommitResult]
