"""Commits: several contexts change together or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET

from backstory import ids, limits
from backstory.contexts.writing import Intent
from backstory.domain import intake
from backstory.domain.commits import (
    Append,
    Conditions,
    Delete,
    Operation,
    Outcome,
    Patch,
    Put,
    Result,
)
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import check_kind
from backstory.domain.patches import JsonPatch, MergePatch
from backstory.domain.policy import Verb
from backstory.errors import (
    InvalidPatchError,
    KeyReusedError,
    KindConflictError,
    LimitReachedError,
    PatchConflictError,
    SchemaError,
    TooLargeError,
    UnknownKindError,
    UnsupportedMediaError,
    VersionConflictError,
)
from backstory.transports.rest import media, schemas
from backstory.transports.rest.answers import Answer
from backstory.transports.rest.bodies import Sent, shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.contexts import state_of
from backstory.transports.rest.entries import appended
from backstory.transports.rest.history import target_of
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, write

_MEMBERS: Final = {
    "put": frozenset({"kind", "state", "labels", "expires_at"}),
    "patch": frozenset({"merge", "ops"}),
    "append": frozenset({"entries"}),
    "delete": frozenset[str](),
}
_OPTIONAL: Final = frozenset().union(*_MEMBERS.values())


async def commit(call: Call) -> Answer:
    """Does up to 100 operations as one. Several on one context make one version of it."""
    sent = await Sent.of(await call.body(), _operations)
    asked = _asked(sent.value)
    intents = [Intent(Verb.WRITE, key) for key in dict.fromkeys(key for _, key in asked)]
    outcome = await write(call, intents, sent.build, sent.raw)
    view = _answer(outcome, asked)
    return call.json(view, extra=replayed(outcome))


def _asked(value: Any) -> list[tuple[schemas.Operation, ContextKey]]:
    """The operations by their shape, each with the context it is for."""
    raw = shaped(value, schemas.CommitOperations).operations
    if len(raw) > limits.COMMIT_OPERATIONS:
        raise TooLargeError(
            f"{len(raw)} operations at once; at most {limits.COMMIT_OPERATIONS}",
            limit="COMMIT_OPERATIONS",
        )
    found = []
    for index, item in enumerate(raw):
        pointer = f"/operations/{index}"
        operation = shaped(item, schemas.Operation, pointer)
        found.append((operation, target_of(operation.context, f"{pointer}/context")))
    return found


def _operations(value: Any) -> list[Operation]:
    made = []
    entries = 0
    for index, (asked, key) in enumerate(_asked(value)):
        pointer = f"/operations/{index}"
        _check_members(asked, pointer)
        operation = _MAKE[asked.op](asked, key, pointer)
        entries += len(operation.entries) if isinstance(operation, Append) else 0
        made.append(operation)
    if entries > limits.COMMIT_ENTRIES:
        raise TooLargeError(
            f"{entries} entries in one commit; at most {limits.COMMIT_ENTRIES}",
            limit="COMMIT_ENTRIES",
        )
    return made


def _check_members(asked: schemas.Operation, pointer: str) -> None:
    allowed = _MEMBERS[asked.op]
    for name in sorted(_OPTIONAL - allowed):
        if getattr(asked, name) is not UNSET:
            raise intake.wrong(f"{pointer}/{name}", f"does not belong to {asked.op}")


def _conditions(asked: schemas.Operation) -> Conditions:
    return Conditions(asked.if_version, asked.if_state_version)


def _put(asked: schemas.Operation, key: ContextKey, pointer: str) -> Operation:
    kind = None if asked.kind is UNSET or asked.kind is None else check_kind(asked.kind)
    labels = None if asked.labels is UNSET else asked.labels
    expires_at = None if asked.expires_at is UNSET else asked.expires_at
    return Put(
        key,
        kind,
        state_of(asked.state, f"{pointer}/state"),
        intake.labels(labels, f"{pointer}/labels"),
        intake.moment(expires_at, f"{pointer}/expires_at"),
        _conditions(asked),
        pointer,
    )


def _patch(asked: schemas.Operation, key: ContextKey, pointer: str) -> Operation:
    if (asked.merge is UNSET) == (asked.ops is UNSET):
        raise intake.wrong(pointer, "a patch needs either merge (RFC 7396) or ops (RFC 6902)")
    patch = MergePatch(asked.merge) if asked.ops is UNSET else JsonPatch.of(asked.ops)
    return Patch(key, patch, _conditions(asked), pointer)


def _append(asked: schemas.Operation, key: ContextKey, pointer: str) -> Operation:
    raw = None if asked.entries is UNSET else asked.entries
    return Append(key, intake.entries(raw, f"{pointer}/entries"), _conditions(asked), pointer)


def _delete(asked: schemas.Operation, key: ContextKey, pointer: str) -> Operation:
    del pointer
    return Delete(key, _conditions(asked))


_MAKE: Final[dict[str, Callable[[schemas.Operation, ContextKey, str], Operation]]] = {
    "put": _put,
    "patch": _patch,
    "append": _append,
    "delete": _delete,
}


def _answer(outcome: Outcome, asked: list[tuple[schemas.Operation, ContextKey]]) -> dict[str, Any]:
    """Names are those of the request: a replay tells none of what was purged since."""
    results = [
        _result(result, key, operation.op)
        for result, (operation, key) in zip(outcome.results, asked, strict=True)
    ]
    return {"commit": ids.text(outcome.id) if outcome.id else None, "results": results}


def _result(result: Result, key: ContextKey, op: str) -> dict[str, Any]:
    """`created` counts entries for an append, and tells for a put whether the context is new."""
    view: dict[str, Any] = {
        "context": str(key),
        "op": op,
        "version": result.version,
        "changed": result.changed,
    }
    if op == "append":
        return view | appended(result)
    return view | {"created": result.created} if op == "put" else view


COMMIT: Final = Endpoint(
    method="POST",
    path="/v1/commits",
    handler=commit,
    tag="Commits",
    summary="Change several contexts as one",
    bodies=(
        Body(
            media.JSON,
            schemas.CommitOperations,
            {
                "operations": [
                    {
                        "op": "append",
                        "context": "users.42/chat-7",
                        "entries": [{"role": "user", "content": "Call me Ada."}],
                    },
                    {
                        "op": "patch",
                        "context": "users.42/preferences",
                        "merge": {"name": "Ada"},
                        "if_version": 3,
                    },
                ]
            },
        ),
    ),
    replies={200: Reply("What each operation came to.", schemas.Committed)},
    errors=(
        InvalidPatchError,
        VersionConflictError,
        PatchConflictError,
        KindConflictError,
        LimitReachedError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        UnknownKindError,
        KeyReusedError,
    ),
    writes=True,
)

ENDPOINTS: Final = (COMMIT,)
