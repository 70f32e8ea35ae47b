"""The audit trail, for admins of the tenant."""

from __future__ import annotations

from typing import Final

from backstory import limits
from backstory.contexts.auditing import Asked
from backstory.domain.keys import ContextKey
from backstory.errors import InvalidCursorError, MissingError
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import params, schemas
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Endpoint, Reply

_TIME: Final = {"type": "string", "format": "date-time"}


async def list_audit(call: Call) -> Answer:
    """Who did what to which context when, allowed or refused, the newest first unless asked.

    Names are told as long as they are not erased; their keyed hashes stay. An event is there
    some seconds after it happened. A page may be empty while `next` moves on. Where routes name more
    stores, the trails of all are told as one, by time.
    """
    trail = call.contexts.trail
    if trail is None:
        raise MissingError("this server keeps no audit trail")
    query = call.query
    context = query["context"]
    asked = Asked(
        None if context is None else str(context),
        query["subject"],
        refused=query["out"] == "refused",
        since=query["since"],
        until=query["until"],
        newest_first=query["order"] == "desc",
        limit=query["limit"],
        cursor=query["cursor"],
    )
    page = await trail.events(call.principal, asked, of_nobody=query["of"] == "nobody")
    return call.json({"items": page.items, "next": page.next})


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/audit",
        handler=list_audit,
        tag="Operations",
        summary="Read the audit trail",
        query=(
            params.Param(
                "context",
                "Only what was done to this context, `namespace/name`.",
                ContextKey.parse,
            ),
            params.Param(
                "subject", "Only what this caller did.", params.text(limits.SUBJECT_BYTES)
            ),
            params.choice("out", "`refused`: only what was refused or failed.", "refused"),
            params.Param("since", "Only events at or after this time.", params.moment, _TIME),
            params.Param("until", "Only events before this time.", params.moment, _TIME),
            params.choice(
                "of",
                "`nobody`: callers of whom it is not known whose they are; for operators.",
                "nobody",
            ),
            params.choice("order", "`asc`: the oldest first.", "asc", "desc", default="desc"),
            params.LIMIT,
            params.CURSOR,
        ),
        replies={200: Reply("A page of events.", schemas.AuditEvents)},
        errors=(InvalidCursorError,),
    ),
)
