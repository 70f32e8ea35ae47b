"""Entries: page through, redact."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

from backstory import limits
from backstory.contexts import views
from backstory.contexts.writing import Intent
from backstory.domain.commits import Redact
from backstory.domain.messages import Format
from backstory.domain.policy import Verb
from backstory.errors import (
    GoneError,
    KeyReusedError,
    MalformedError,
    PreconditionError,
)
from backstory.ports.store import EntryPage, EntryQuery
from backstory.processing import messages
from backstory.processing.accepted import Accepted
from backstory.resilience.stepping import waits
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import appending, params, schemas
from backstory.transports.rest.answers import encode
from backstory.transports.rest.appending import PATH, TAG
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Endpoint, Reply
from backstory.transports.rest.writes import replayed, write

ASCENDING: Final = "asc"
DESCENDING: Final = "desc"


async def list_entries(call: Call) -> Answer:
    """Visible entries, a page at a time; pass `next` on as `after` (or `before`, newest first).

    With `format` they are messages as that provider's API takes them, the oldest first, and
    `losses` says what these do not carry.
    """
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
    if asked["format"] is None and not call.marks:
        return _kept(call, page, tag)
    following = page.entries[-1].seq if page.entries and page.more else None
    if asked["format"] is not None:
        form = call.served.accepted.formats[asked["format"]]
        body = await _messages(page, form, {"next": following} | call.marks)
        return call.encoded(body, version=tag)
    return call.json(_view(page), version=tag)


def _kept(call: Call, page: EntryPage, version: int | None) -> Answer:
    """The answer that shows the page, made once for a page that is kept."""
    form = call.tags, version
    answer: Answer | None = page.encoded.get(form)
    if answer is None:
        answer = page.encoded[form] = call.json(_view(page), version=version)
    return answer


def _view(page: EntryPage) -> views.View:
    following = page.entries[-1].seq if page.entries and page.more else None
    return views.page([views.entry(entry) for entry in page.entries], following)


async def _messages(page: EntryPage, form: Format, more: dict[str, Any]) -> bytes:
    """The page as messages. Reading every part of it takes long, so much of it goes aside."""
    if sum(entry.size for entry in page.entries) <= limits.INLINE_BYTES:
        return _written(page, form, more)
    waits()
    return await asyncio.to_thread(_written, page, form, more)


def _written(page: EntryPage, form: Format, more: dict[str, Any]) -> bytes:
    written = messages.write(sorted(page.entries, key=lambda entry: entry.seq), form)
    losses = [
        {"seq": seq, "pointer": loss.pointer, "detail": loss.detail, "dropped": loss.dropped}
        for seq, loss in written.losses
    ]
    return encode({"input": written.input, "losses": losses} | more)


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


_LIST: Final = Endpoint(
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
        200: Reply("A page of entries.", schemas.Entries, schemas.Messages, etag=True),
        304: Reply("The caller has this version already.", etag=True),
    },
    errors=(GoneError, PreconditionError),
    conditional=True,
    stale=True,
    hot=True,
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


def endpoints(accepted: Accepted) -> tuple[Endpoint, ...]:
    """The rows of entries; extensions add media types and message formats."""
    about = "Messages in the form of this provider's API."
    form = params.choice("format", about, *accepted.formats)
    return appending.endpoint(accepted), replace(_LIST, query=(*_LIST.query, form)), REDACT
