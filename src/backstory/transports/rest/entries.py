"""Entries: append, page through, redact."""

from __future__ import annotations

from typing import Any, Final

from backstory import limits
from backstory.contexts import views
from backstory.contexts.writing import Intent
from backstory.domain import intake
from backstory.domain.commits import Append, Operation, Redact, Result
from backstory.domain.policy import Verb
from backstory.errors import (
    GoneError,
    KeyReusedError,
    LimitReachedError,
    MalformedError,
    PreconditionError,
    SchemaError,
    TooLargeError,
    UnsupportedMediaError,
    VersionConflictError,
)
from backstory.ports.store import EntryPage, EntryQuery
from backstory.transports.rest import contexts, media, params, schemas
from backstory.transports.rest.answers import Answer
from backstory.transports.rest.bodies import Sent, shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, write

PATH: Final = contexts.PATH + "/entries"
TAG: Final = "Entries"
ASCENDING: Final = "asc"
DESCENDING: Final = "desc"


async def append_entries(call: Call) -> Answer:
    """Adds entries behind the last. Appends never conflict, unless `if_version` asks for it."""
    key = call.key

    def make(value: Any) -> list[Operation]:
        body = shaped(value, schemas.AppendEntries)
        return [Append(key, intake.entries(body.entries), call.conditions(body.if_version))]

    sent = await Sent.of(call.body, make)
    outcome = await write(call, [Intent(Verb.WRITE, key)], sent.build, sent.raw)
    result = outcome.results[0]
    view = {"version": result.version} | appended(result)
    return call.json(view, version=result.version, extra=replayed(outcome))


def appended(result: Result) -> dict[str, Any]:
    """Where the entries of an append are."""
    return {
        "first_seq": min(result.seqs),
        "last_seq": max(result.seqs),
        "seqs": result.seqs,
        "created": result.appended,
    }


async def list_entries(call: Call) -> Answer:
    """Visible entries, a page at a time; pass `next` on as `after` (or `before`, newest first)."""
    asked = call.query
    query = EntryQuery(
        asked["after"],
        asked["before"],
        asked["limit"],
        limits.PAGE_BYTES,
        asked["order"] == DESCENDING,
    )
    at = asked["at"]
    reading = await call.contexts.reader.read(call.principal, call.key, at=at, query=query)
    version = reading.head.version
    # What the past shows may still change by redaction, so no tag stands for it.
    tag = version if at is None else None
    if call.unchanged(version) and tag is not None:
        return call.empty(304, version=version)
    page = reading.page or EntryPage((), more=False)
    following = page.entries[-1].seq if page.entries and page.more else None
    items = [views.entry(entry) for entry in page.entries]
    return call.json(views.page(items, following), version=tag)


async def redact_entry(call: Call) -> Answer:
    """Takes one entry's text out of present and past; a marker with its seq stays."""
    key = call.key
    try:
        seq = params.whole(1, limits.SEQ_MAX)(call.path("seq"))
    except ValueError as error:
        raise MalformedError(f"the seq {error}") from error
    outcome = await write(
        call,
        [Intent(Verb.WRITE, key)],
        lambda: [Redact(key, seq, call.conditions())],
    )
    return call.empty(204, version=outcome.results[0].version, extra=replayed(outcome))


APPEND: Final = Endpoint(
    method="POST",
    path=PATH,
    handler=append_entries,
    tag=TAG,
    summary="Append entries",
    bodies=(
        Body(
            media.JSON,
            schemas.AppendEntries,
            {"entries": [{"role": "user", "content": "Where is my order?", "id": "msg-1"}]},
        ),
    ),
    replies={200: Reply("Where the entries are.", schemas.Appended, etag=True)},
    errors=(
        VersionConflictError,
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
LIST: Final = Endpoint(
    method="GET",
    path=PATH,
    handler=list_entries,
    tag=TAG,
    summary="Page through entries",
    query=(
        params.integer("after", "Only entries behind this seq.", 0, limits.SEQ_MAX, default=0),
        params.integer(
            "before",
            "Only entries before this seq.",
            0,
            limits.SEQ_MAX + 1,
            default=limits.SEQ_MAX + 1,
        ),
        params.LIMIT,
        params.choice(
            "order", "`desc`: the newest first.", ASCENDING, DESCENDING, default=ASCENDING
        ),
        params.version("at", "Read the entries as they were at this version."),
    ),
    replies={
        200: Reply("A page of entries.", schemas.Entries, etag=True),
        304: Reply("The caller has this version already.", etag=True),
    },
    errors=(GoneError, PreconditionError),
    conditional=True,
)
REDACT: Final = Endpoint(
    method="DELETE",
    path=PATH + "/{seq}",
    handler=redact_entry,
    tag=TAG,
    summary="Redact an entry",
    replies={204: Reply("Its text is gone.", etag=True)},
    errors=(PreconditionError, KeyReusedError),
    writes=True,
    conditional=True,
)

ENDPOINTS: Final = (APPEND, LIST, REDACT)
