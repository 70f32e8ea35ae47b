"""The past of a context: versions, differences, going back, branching, letting go."""

from __future__ import annotations

from typing import Any, Final

from backstory import limits
from backstory.contexts import views
from backstory.contexts.fitting import change_bytes, fitting
from backstory.contexts.writing import Intent
from backstory.domain import conditions
from backstory.domain.commits import Fork, Operation, Restore
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.errors import (
    ExistsError,
    GoneError,
    InvalidKeyError,
    KeyReusedError,
    LimitReachedError,
    PreconditionError,
    SchemaError,
    TooLargeError,
    UnsupportedMediaError,
    Violation,
)
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import contexts, media, params, schemas
from backstory.transports.rest.bodies import Sent, json_value, shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.entries import ASCENDING, DESCENDING
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import head_answer, idempotency_key, write

TAG: Final = "History"


async def list_versions(call: Call) -> Answer:
    """Who changed what and when, deletions included; pass `next` on as `before` or `after`."""
    query = call.query
    limit = query["limit"]
    found = await call.contexts.historian.versions(
        call.principal,
        call.key,
        after=query["after"],
        before=query["before"],
        limit=limit + 1,
        newest_first=query["order"] == DESCENDING,
    )
    count = fitting(map(change_bytes, found[:limit]))
    following = found[count - 1].version if len(found) > count else None
    return call.json(views.page([views.change(item) for item in found[:count]], following))


async def diff_versions(call: Call) -> Answer:
    """What has to be done to get from one version to another, in either direction."""
    difference = await call.contexts.historian.difference(
        call.principal, call.key, call.query["from"], call.query["to"]
    )
    return call.json(views.difference(difference))


async def restore_context(call: Call) -> Answer:
    """Makes the present like an earlier version; later entries are hidden, never renumbered."""
    key = call.key

    def make(value: Any) -> list[Operation]:
        body = shaped(value, schemas.Restore)
        return [Restore(key, body.version, call.conditions())]

    sent = await Sent.of(call.body, make, call.measure)
    outcome = await write(call, [Intent(Verb.WRITE, key)], sent.build, sent.raw)
    return await head_answer(call, outcome, key, created=False)


async def fork_context(call: Call) -> Answer:
    """Begins another context as this one stands, or stood. Conditions are on this one."""
    source = call.key
    body = shaped(await json_value(call.body, call.measure), schemas.Fork)
    target = target_of(body.to)
    outcome = await write(
        call,
        [Intent(Verb.READ, source), Intent(Verb.WRITE, target)],
        lambda: [Fork(target, source, body.at, call.conditions())],
        call.body,
    )
    return await head_answer(call, outcome, target, created=True)


def target_of(text: str, pointer: str = "/to") -> ContextKey:
    """The context that a member of a body names.

    Raises:
        InvalidKeyError: it breaks the rule for keys; `errors` points to the member.
    """
    try:
        return ContextKey.parse(text)
    except InvalidKeyError as error:
        raise InvalidKeyError(error.detail, errors=(Violation(pointer, error.detail),)) from error


async def forget_versions(call: Call) -> Answer:
    """Lets all versions below `before` go, for good. Makes no version."""
    idempotency_key(call)  # checked; forgetting twice is forgetting once
    if call.named("If-Match") is not None or call.named("If-None-Match") is not None:
        snapshot = await call.contexts.reader.snapshot(call.principal, call.key)
        conditions.check(call.conditions(), call.key, snapshot.head)
    head = await call.contexts.historian.forget(call.principal, call.key, call.query["before"])
    view = views.head(head, call.contexts.epoch) | {"history_from": head.history_from}
    return call.json(view, version=head.version)


VERSIONS: Final = Endpoint(
    method="GET",
    path=contexts.PATH + "/versions",
    handler=list_versions,
    tag=TAG,
    summary="List versions",
    query=(
        params.integer("after", "Only versions above this.", 0, limits.VERSION_MAX, default=0),
        params.integer(
            "before",
            "Only versions below this.",
            0,
            limits.VERSION_MAX,
            default=limits.VERSION_MAX,
        ),
        params.LIMIT,
        params.choice(
            "order", "`asc`: the oldest first.", ASCENDING, DESCENDING, default=DESCENDING
        ),
    ),
    replies={200: Reply("A page of changes.", schemas.Versions)},
)
DIFF: Final = Endpoint(
    method="GET",
    path=contexts.PATH + "/diff",
    handler=diff_versions,
    tag=TAG,
    summary="Compare two versions",
    query=(
        params.version("from", "The version to begin with.", required=True),
        params.version("to", "The version to end with; the present without it."),
    ),
    replies={200: Reply("The difference.", schemas.Difference)},
    errors=(GoneError,),
)
RESTORE: Final = Endpoint(
    method="POST",
    path=contexts.PATH + "/restore",
    handler=restore_context,
    tag=TAG,
    summary="Go back to a version",
    bodies=(Body(media.JSON, schemas.Restore, {"version": 3}),),
    replies={
        200: Reply("The head after the write.", schemas.Head, schemas.ReplayedHead, etag=True)
    },
    errors=(
        GoneError,
        LimitReachedError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        KeyReusedError,
    ),
    writes=True,
    conditional=True,
)
FORK: Final = Endpoint(
    method="POST",
    path=contexts.PATH + "/fork",
    handler=fork_context,
    tag=TAG,
    summary="Branch off another context",
    bodies=(Body(media.JSON, schemas.Fork, {"to": "users.42/chat-8", "at": 3}),),
    replies={
        201: Reply(
            "The head of the new context.",
            schemas.Head,
            schemas.ReplayedHead,
            etag=True,
            location=True,
        )
    },
    errors=(
        ExistsError,
        GoneError,
        LimitReachedError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        KeyReusedError,
    ),
    writes=True,
    conditional=True,
)
FORGET: Final = Endpoint(
    method="POST",
    path=contexts.PATH + "/forget",
    handler=forget_versions,
    tag=TAG,
    summary="Let old versions go",
    query=(params.version("before", "The oldest version to keep.", required=True),),
    replies={200: Reply("The head, and what is still kept.", schemas.Forgotten, etag=True)},
    errors=(GoneError, PreconditionError),
    writes=True,
    conditional=True,
)

ENDPOINTS: Final = (VERSIONS, DIFF, RESTORE, FORK, FORGET)
