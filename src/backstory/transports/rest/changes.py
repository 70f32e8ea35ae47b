"""The change stream: pages, long polls and server-sent events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from starlette.types import ASGIApp

from backstory import limits
from backstory.contexts import views
from backstory.contexts.changes import ChangesPage
from backstory.errors import BusyError, GoneError, InvalidCursorError
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, params, schemas
from backstory.transports.rest.answers import encode
from backstory.transports.rest.call import Call
from backstory.transports.rest.events import EventStream
from backstory.transports.rest.table import Endpoint, Reply


async def read_changes(call: Call) -> ASGIApp:
    """Changes behind a cursor: at once, after a wait, or (`text/event-stream`) as they come.

    Without `after` it begins with the oldest kept, with `after=now` from here on. A page never
    splits a commit; a filtered one may be empty while `next` moves on.
    """
    if media.wants_events(call.scope) and not call.head_only:
        return await _events(call)
    return await _page(call)


async def _page(call: Call) -> Answer:
    query = call.query
    reading = call.contexts.stream.changes(
        call.principal,
        after=query["after"],
        namespace=query["namespace"],
        limit=query["limit"],
        wait=0.0 if call.head_only else query["wait"],
    )
    page = await (call.while_connected(reading) if query["wait"] else reading)
    return call.json(views.changes(page))


async def _events(call: Call) -> ASGIApp:
    """The first page is read before the answer begins, so that what is wrong is still told."""
    pages = call.contexts.stream.follow(
        call.principal,
        after=call.header(b"last-event-id") or call.query["after"],
        namespace=call.query["namespace"],
    )
    try:
        first = await anext(pages, None)
    except BaseException:
        await pages.aclose()
        raise
    return EventStream(_pieces(first, pages))


async def _pieces(
    first: ChangesPage | None, pages: AsyncGenerator[ChangesPage, None]
) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(pages):
        if first is not None:
            yield _piece(first)
            async for page in pages:
                yield _piece(page)


def _piece(page: ChangesPage) -> bytes:
    """The events of a page. An empty one is a comment that moves the reader's cursor on."""
    if not page.items:
        return f": waiting\nid: {page.next}\n\n".encode()
    pieces = []
    for item in views.changes(page)["items"]:
        pieces += [
            b"id: ",
            item["cursor"].encode(),
            b"\nevent: change\ndata: ",
            encode(item),
            b"\n\n",
        ]
    return b"".join(pieces)


CHANGES: Final = Endpoint(
    method="GET",
    path="/v1/changes",
    handler=read_changes,
    tag="Changes",
    summary="Follow the change stream",
    query=(
        params.Param("after", "A cursor, or `now`.", params.text(2048)),
        params.NAMESPACE,
        params.LIMIT,
        params.Param(
            "wait",
            f"Seconds to wait for a change, {limits.WAIT_SECONDS:g} at most.",
            params.seconds,
            {"type": "number", "minimum": 0, "default": 0},
            default=0.0,
        ),
    ),
    replies={200: Reply("A page of changes, or events.", schemas.Changes)},
    errors=(InvalidCursorError, GoneError, BusyError),
    waits=True,
)

ENDPOINTS: Final = (CHANGES,)
