"""Contexts: create, read, list, change, remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from msgspec import UNSET

from backstory import limits
from backstory.contexts import views
from backstory.contexts.listing import Filter
from backstory.contexts.reading import Reading
from backstory.contexts.writing import Intent
from backstory.domain import intake
from backstory.domain.commits import Delete, Operation, Patch, Purge, Put
from backstory.domain.contexts import EMPTY_STATE, Snapshot
from backstory.domain.kinds import check_kind
from backstory.domain.patches import JsonPatch, MergePatch, encode_state
from backstory.domain.policy import Verb
from backstory.errors import (
    GoneError,
    InvalidPatchError,
    KeyReusedError,
    KindConflictError,
    MalformedError,
    PatchConflictError,
    PreconditionError,
    SchemaError,
    TooLargeError,
    UnknownKindError,
    UnsupportedMediaError,
    Violation,
)
from backstory.ports.store import EntryQuery
from backstory.processing.accepted import Accepted
from backstory.processing.parsers.results import Value
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, params, schemas
from backstory.transports.rest.bodies import Sent, shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import head_answer, replayed, write

PATH: Final = "/v1/contexts/{namespace}/{name}"
TAG: Final = "Contexts"


async def get_context(call: Call) -> Answer:
    """Head and state, as they stand or (`at`) as they stood; `since` tells only what changed."""
    if call.scope["query_string"]:
        _check_together(call.query)
    if call.query["since"] is not None:
        return await _catch_up(call)
    at, count = call.query["at"], call.query["entries"]
    query = None
    if count:
        query = EntryQuery(limit=count, max_bytes=limits.PAGE_BYTES, descending=True)
    reading = await call.contexts.reader.read(call.principal, call.key, at=at, query=query)
    version = reading.head.version
    # What entries of the past show may still change by redaction, so no tag stands for them.
    tag = None if at is not None and count else version
    unchanged = call.unchanged(version) and tag is not None
    if count is None and not call.marks:
        return _kept(call, reading.snapshot, 304 if unchanged else 200)
    if unchanged:
        return call.empty(304, version=version)
    return call.json(_view(call, reading, count), version=tag)


def _kept(call: Call, snapshot: Snapshot, status: int) -> Answer:
    """The answer that shows the context, made once for a snapshot that is kept."""
    form = call.tags.form(status)
    answer: Answer | None = snapshot.encoded.get(form)
    if answer is None:
        body = b"" if status == 304 else views.context_json(snapshot, call.contexts.epoch)
        answer = call.encoded(body, status=status, version=snapshot.head.version)
        snapshot.encoded[form] = answer
    return answer


def _view(call: Call, reading: Reading, count: int | None) -> views.View:
    view = views.context(reading.snapshot, call.contexts.epoch)
    if count is not None:
        page = reading.page
        entries = page.entries[::-1] if page else ()
        view["entries"] = [views.entry(entry) for entry in entries]
        view["entries_next"] = entries[0].seq if page and page.more else None
    return view


async def _catch_up(call: Call) -> Answer:
    query = call.query
    found = await call.contexts.catcher_up.catch_up(
        call.principal,
        call.key,
        query["since"],
        query["epoch"],
        query["limit"] or limits.PAGE_DEFAULT,
    )
    return call.json(views.catch_up(found, call.contexts.epoch))


def _check_together(query: Mapping[str, Any]) -> None:
    """`since` is another question than `at` and `entries`; `limit` and `epoch` belong to it."""
    given = {name for name, value in query.items() if value is not None}
    if not given:
        return
    if "since" in given and given & {"at", "entries"}:
        raise MalformedError("since cannot be combined with at or entries")
    if "since" not in given and given & {"limit", "epoch"}:
        raise MalformedError("limit and epoch belong to since, which is missing")


async def put_context(call: Call) -> Answer:
    """Creates the context, or replaces state, labels and expiry as a whole."""
    key = call.key

    def make(value: Any) -> list[Operation]:
        return [put_of(call, shaped(value, schemas.PutContext))]

    sent = await (
        Sent.of(call.body, make, call.measure)
        if call.media == media.JSON
        else Sent.aside(call.body, call.read_value, make, call.measure)
    )
    outcome = await write(call, [Intent(Verb.WRITE, key)], sent.build, call.signature)
    return await head_answer(call, outcome, key)


def put_of(call: Call, body: schemas.PutContext) -> Put:
    """The operation that a body asks for.

    Raises:
        SchemaError, TooLargeError: a member is not what it may be.
    """
    return Put(
        call.key,
        None if body.kind is None else check_kind(body.kind),
        state_of(body.state),
        intake.labels(body.labels),
        intake.moment(body.expires_at),
        call.conditions(),
    )


def state_of(state: Any, pointer: str = "/state") -> bytes:
    """The bytes of a state, `{}` where there is none.

    Raises:
        SchemaError: no object, or too deep.
        TooLargeError: over `limits.STATE_BYTES`.
    """
    if state is UNSET:
        return EMPTY_STATE
    try:
        return encode_state(state)
    except SchemaError as error:
        raise SchemaError(error.detail, errors=(Violation(pointer, error.detail),)) from error


async def patch_context(call: Call) -> Answer:
    """Changes the state by a merge patch (RFC 7396) or a JSON Patch (RFC 6902)."""
    key, is_merge = call.key, call.media == media.MERGE_PATCH

    def make(value: Any) -> list[Operation]:
        patch = MergePatch(value) if is_merge else JsonPatch.of(value)
        return [Patch(key, patch, call.conditions())]

    sent = await Sent.of(call.body, make, call.measure)
    outcome = await write(call, [Intent(Verb.WRITE, key)], sent.build, call.signature)
    return await head_answer(call, outcome, key, created=False)


async def delete_context(call: Call) -> Answer:
    """Takes the context away and keeps its history; with `purge` erases that, too."""
    key = call.key
    kind = Purge if call.query["purge"] == "true" else Delete
    outcome = await write(call, [Intent(Verb.WRITE, key)], lambda: [kind(key, call.conditions())])
    return call.empty(204, extra=replayed(outcome))


async def list_contexts(call: Call) -> Answer:
    """Heads of living contexts, in order of namespace and name."""
    query = call.query
    wanted = Filter(query["namespace"], query["kind"], query["label"], query["updated_since"])
    await call.contexts.kinds.require(call.principal, wanted.kind)
    page = await call.contexts.lister.heads(call.principal, wanted, query["cursor"], query["limit"])
    items = [views.head(head, call.contexts.epoch) for head in page.items]
    return call.json(views.page(items, page.next))


_HEAD = Reply("The head after the write.", schemas.Head, schemas.ReplayedHead, etag=True)
_PREFERENCES = {"kind": "preferences", "state": {"tone": "brief"}, "labels": ["beta"]}

LIST: Final = Endpoint(
    method="GET",
    path="/v1/contexts",
    handler=list_contexts,
    tag=TAG,
    summary="List contexts",
    query=(
        params.NAMESPACE,
        params.KIND,
        params.LABEL,
        params.UPDATED_SINCE,
        params.CURSOR,
        params.LIMIT,
    ),
    replies={200: Reply("A page of heads.", schemas.Contexts)},
    errors=(UnknownKindError,),
)
GET: Final = Endpoint(
    method="GET",
    path=PATH,
    handler=get_context,
    tag=TAG,
    summary="Read a context",
    query=(
        params.integer("entries", "Add the last entries, this many.", 0, limits.PAGE_MAX),
        params.version("at", "Read the context as it was at this version."),
        params.integer(
            "since", "Tell only what changed after this version.", 0, limits.VERSION_MAX
        ),
        params.Param("epoch", "With `since`: the epoch it is of.", params.text(64)),
        params.integer("limit", "With `since`: about this many entries.", 1, limits.PAGE_MAX),
    ),
    replies={
        200: Reply(
            "The context, or with `since` what changed.",
            schemas.Context,
            schemas.CatchUp,
            etag=True,
        ),
        304: Reply("The caller has this version already.", etag=True),
    },
    errors=(GoneError, PreconditionError),
    conditional=True,
    stale=True,
    hot=True,
)
PUT: Final = Endpoint(
    method="PUT",
    path=PATH,
    handler=put_context,
    tag=TAG,
    summary="Create or replace a context",
    bodies=(
        Body(media.JSON, schemas.PutContext, _PREFERENCES),
        Body(media.YAML, schemas.PutContext, _PREFERENCES),
    ),
    replies={
        200: _HEAD,
        201: Reply("It was created.", schemas.Head, schemas.ReplayedHead, etag=True, location=True),
    },
    errors=(
        KindConflictError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        UnknownKindError,
        KeyReusedError,
    ),
    writes=True,
    conditional=True,
)
PATCH: Final = Endpoint(
    method="PATCH",
    path=PATH,
    handler=patch_context,
    tag=TAG,
    summary="Change the state of a context",
    bodies=(
        Body(media.MERGE_PATCH, Any, {"tone": "warm", "old": None}),
        Body(
            media.JSON_PATCH,
            schemas.JsonPatch,
            [{"op": "replace", "path": "/tone", "value": "warm"}],
        ),
    ),
    replies={200: _HEAD},
    errors=(
        InvalidPatchError,
        PatchConflictError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        KeyReusedError,
    ),
    writes=True,
    conditional=True,
)
DELETE: Final = Endpoint(
    method="DELETE",
    path=PATH,
    handler=delete_context,
    tag=TAG,
    summary="Delete or purge a context",
    query=(params.choice("purge", "Erase history, too.", "true", "false", default="false"),),
    replies={204: Reply("It is gone.")},
    errors=(PreconditionError, KeyReusedError),
    writes=True,
    conditional=True,
)


def endpoints(accepted: Accepted) -> tuple[Endpoint, ...]:
    """The rows of contexts; extensions add media types that a context may be put in."""
    added = tuple(Body(media_type, schemas.PutContext) for media_type in accepted.added(Value))
    return GET, replace(PUT, bodies=(*PUT.bodies, *added)), PATCH, DELETE, LIST
