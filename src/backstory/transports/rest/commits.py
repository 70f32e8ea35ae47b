"""Commits: several contexts change together or not at all."""

from __future__ import annotations

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
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, schemas
from backstory.transports.rest.appending import appended
from backstory.transports.rest.bodies import Sent, shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.contexts import state_of
from backstory.transports.rest.history import target_of
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, write

_Asked = list[tuple[schemas.AnyOperation, ContextKey]]


async def commit(call: Call) -> Answer:
    """Does up to 100 operations as one. Several on one context make one version of it."""
    sent = await Sent.of(call.body, _operations, call.measure)
    asked = _asked(sent.value)
    intents = [Intent(Verb.WRITE, key) for key in dict.fromkeys(key for _, key in asked)]
    outcome = await write(call, intents, sent.build, sent.raw)
    view = _answer(outcome, asked)
    return call.json(view, extra=replayed(outcome))


def _asked(value: Any) -> _Asked:
    """The operations by their shape, each with the context it is for."""
    operations = shaped(value, schemas.CommitOperations).operations
    if len(operations) > limits.COMMIT_OPERATIONS:
        raise TooLargeError(
            f"{len(operations)} operations at once; at most {limits.COMMIT_OPERATIONS}",
            limit="COMMIT_OPERATIONS",
        )
    return [
        (operation, target_of(operation.context, f"/operations/{index}/context"))
        for index, operation in enumerate(operations)
    ]


def _operations(value: Any) -> list[Operation]:
    made = [
        _operation(asked, key, f"/operations/{index}")
        for index, (asked, key) in enumerate(_asked(value))
    ]
    entries = sum(len(operation.entries) for operation in made if isinstance(operation, Append))
    if entries > limits.COMMIT_ENTRIES:
        raise TooLargeError(
            f"{entries} entries in one commit; at most {limits.COMMIT_ENTRIES}",
            limit="COMMIT_ENTRIES",
        )
    return made


def _operation(asked: schemas.AnyOperation, key: ContextKey, pointer: str) -> Operation:
    conditions = Conditions(asked.if_version, asked.if_state_version)
    match asked:
        case schemas.PutOperation():
            return _put(asked, key, pointer, conditions)
        case schemas.PatchOperation():
            return Patch(key, _patch(asked, pointer), conditions, pointer)
        case schemas.AppendOperation():
            entries = intake.entries(asked.entries, f"{pointer}/entries")
            return Append(key, entries, conditions, pointer)
        case schemas.DeleteOperation():
            return Delete(key, conditions)


def _put(
    asked: schemas.PutOperation, key: ContextKey, pointer: str, conditions: Conditions
) -> Operation:
    return Put(
        key,
        None if asked.kind is None else check_kind(asked.kind),
        state_of(asked.state, f"{pointer}/state"),
        intake.labels(asked.labels, f"{pointer}/labels"),
        intake.moment(asked.expires_at, f"{pointer}/expires_at"),
        conditions,
        pointer,
    )


def _patch(asked: schemas.PatchOperation, pointer: str) -> MergePatch | JsonPatch:
    if (asked.merge is UNSET) == (asked.ops is UNSET):
        raise intake.wrong(pointer, "a patch needs either merge (RFC 7396) or ops (RFC 6902)")
    return MergePatch(asked.merge) if asked.ops is UNSET else JsonPatch.of(asked.ops)


def _answer(outcome: Outcome, asked: _Asked) -> dict[str, Any]:
    """Names are those of the request: a replay tells none of what was purged since."""
    results = [
        _result(result, key, operation)
        for result, (operation, key) in zip(outcome.results, asked, strict=True)
    ]
    return {"commit": ids.text(outcome.id) if outcome.id else None, "results": results}


def _result(result: Result, key: ContextKey, asked: schemas.AnyOperation) -> dict[str, Any]:
    """`created` counts entries for an append, and tells for a put whether the context is new."""
    view: dict[str, Any] = {
        "context": str(key),
        "op": asked.__struct_config__.tag,
        "version": result.version,
        "changed": result.changed,
    }
    match asked:
        case schemas.AppendOperation():
            return view | appended(result)
        case schemas.PutOperation():
            return view | {"created": result.created}
        case _:
            return view


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
