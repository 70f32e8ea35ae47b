"""commit: operations on several contexts that happen together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from backstory import ids, limits
from backstory.contexts.writing import Intent
from backstory.domain import commits, intake
from backstory.domain.commits import Conditions, Outcome, Result
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.errors import TooLargeError
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.tools import doing, operations
from backstory.transports.mcp.tools.table import (
    Call,
    Number,
    Tool,
    WriteArguments,
    given,
    key_of,
)


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation, flat: which members it takes depends on `op`."""

    op: Literal["put", "patch", "append", "delete"]
    context: Annotated[str, Meta(max_length=500)]
    kind: str | UnsetType = UNSET
    state: dict[str, Any] | UnsetType = UNSET
    labels: Any = UNSET
    expires_at: str | UnsetType = UNSET
    merge: dict[str, Any] | UnsetType = UNSET
    ops: list[Any] | UnsetType = UNSET
    entries: list[Any] | UnsetType = UNSET
    if_version: Number | UnsetType = UNSET
    if_state_version: Number | UnsetType = UNSET


class CommitArguments(WriteArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to `limits.COMMIT_OPERATIONS` operations."""

    operations: Annotated[list[Operation], Meta(min_length=1, max_length=limits.COMMIT_OPERATIONS)]


async def commit(call: Call, wanted: CommitArguments) -> View:
    """Do all of them as one."""
    keys = [key_of(item.context) for item in wanted.operations]
    intents = [Intent(Verb.WRITE, key) for key in dict.fromkeys(keys)]

    def build() -> Sequence[commits.Operation]:
        _check_entries(wanted.operations)
        return [
            _operation(item, key, f"/operations/{index}")
            for index, (item, key) in enumerate(zip(wanted.operations, keys, strict=True))
        ]

    outcome = await doing.write(call, wanted, intents, build)
    return _answer(outcome)


def _check_entries(items: Sequence[Operation]) -> None:
    total = sum(len(given(item.entries, ())) for item in items)
    if total > limits.COMMIT_ENTRIES:
        raise TooLargeError(
            f"{total} entries in one commit; at most {limits.COMMIT_ENTRIES}",
            limit="COMMIT_ENTRIES",
        )


_TAKES: Final = {
    "put": {"kind", "state", "labels", "expires_at"},
    "patch": {"merge", "ops"},
    "append": {"entries"},
    "delete": set[str](),
}
_ALWAYS: Final = {"op", "context", "if_version", "if_state_version"}


def _operation(item: Operation, key: ContextKey, pointer: str) -> commits.Operation:
    for name in item.__struct_fields__:
        if name not in _ALWAYS | _TAKES[item.op] and getattr(item, name) is not UNSET:
            raise intake.wrong(f"{pointer}/{name}", f"{item.op} does not take it")
    conditions = Conditions(given(item.if_version), given(item.if_state_version))
    return _BUILDERS[item.op](item, key, pointer, conditions)


def _put(item: Operation, key: ContextKey, pointer: str, conditions: Conditions) -> commits.Put:
    if item.state is UNSET:
        raise operations.missing(pointer, "state", "put")
    return operations.put(
        key,
        conditions,
        kind=given(item.kind),
        state=item.state,
        labels=given(item.labels),
        expires_at=given(item.expires_at),
        place=pointer,
    )


def _patch(item: Operation, key: ContextKey, pointer: str, conditions: Conditions) -> commits.Patch:
    patch = operations.patch(given(item.merge), given(item.ops), pointer)
    return commits.Patch(key, patch, conditions, pointer)


def _append(
    item: Operation, key: ContextKey, pointer: str, conditions: Conditions
) -> commits.Append:
    entries = intake.entries(given(item.entries), f"{pointer}/entries")
    return commits.Append(key, entries, conditions, pointer)


def _delete(
    _item: Operation, key: ContextKey, _pointer: str, conditions: Conditions
) -> commits.Delete:
    return commits.Delete(key, conditions)


_BUILDERS: Final[dict[str, Callable[..., commits.Operation]]] = {
    "put": _put,
    "patch": _patch,
    "append": _append,
    "delete": _delete,
}


def _answer(outcome: Outcome) -> View:
    commit = None if outcome.id is None else ids.text(outcome.id)
    packed = answers.pack(map(_result, outcome.results), answers.room({"commit": commit}))
    return {
        "commit": commit,
        "changed": outcome.id is not None,
        "results": packed.items,
        "truncated": packed.count < len(outcome.results),
    }


def _result(result: Result) -> View:
    view: View = {
        "context": str(result.key),
        "version": result.version,
        "changed": result.changed,
        "created": result.created,
    }
    if result.seqs:
        view |= {"first_seq": result.seqs[0], "last_seq": result.seqs[-1]}
    return view


TOOL: Final = Tool(
    "commit",
    "Do several writes at once, all or none: put (kind, state, labels, expires_at), patch "
    "(merge or ops), append (entries), delete.",
    CommitArguments,
    commit,
    {"commit": (str, None), "changed": bool, "results": list, "truncated": bool},
    Verb.WRITE,
    destructive=True,
)
