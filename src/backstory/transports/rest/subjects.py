"""Subjects: users and clients, who may have all that is theirs erased."""

from __future__ import annotations

from typing import Any, Final

from backstory.clock import to_text
from backstory.contexts.erasing import Receipt
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import params, schemas
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Endpoint, Reply
from backstory.transports.rest.writes import idempotency_key

PATH: Final = "/v1/subjects/{namespace}"
TAG: Final = "Subjects"
_RECEIPT_BYTES: Final = 1000


async def erase_subject(call: Call) -> Answer:
    """Erases all of a user or client, for good, and answers a receipt.

    Every context in the namespace and below goes, with its past, its content and its words. Where
    others forked one of them, what they inherited loses its text. Its keys are destroyed, so that
    no backup of the data brings it back. So do the roles that are bound to it, and its account of
    the built-in authorization server with all that came from it. May be sent again: it goes on where it was interrupted.
    """
    idempotency_key(call)  # checked; erasing twice is erasing once
    receipt = await call.contexts.eraser.erase(call.principal, call.path("namespace"))
    return call.json(_view(receipt))


async def get_erasure(call: Call) -> Answer:
    """What was erased last, or what a receipt is about, and whether that still holds."""
    receipt = await call.contexts.eraser.receipt(
        call.principal, call.path("namespace"), call.query["receipt"]
    )
    return call.json(_view(receipt))


def _view(receipt: Receipt) -> dict[str, Any]:
    erasure = receipt.erasure
    return {
        "namespace": erasure.subject,
        "begun_at": to_text(erasure.begun_at),
        "erased_at": None if erasure.ended_at is None else to_text(erasure.ended_at),
        "contexts": erasure.contexts,
        "entries": erasure.entries,
        "forks": erasure.forks,
        "keys": erasure.keys,
        "bindings": erasure.bindings,
        "accounts": erasure.accounts,
        "grants": erasure.grants,
        "holds": receipt.holds,
        "receipt": receipt.sealed,
    }


ERASE: Final = Endpoint(
    method="DELETE",
    path=PATH,
    handler=erase_subject,
    tag=TAG,
    summary="Erase a subject",
    replies={200: Reply("The receipt.", schemas.Receipt)},
    writes=True,
    waits=True,
)
ERASURE: Final = Endpoint(
    method="GET",
    path=f"{PATH}/erasure",
    handler=get_erasure,
    tag=TAG,
    summary="Verify an erasure",
    query=(
        params.Param(
            "receipt",
            "A receipt; without it the newest erasure is told of.",
            params.text(_RECEIPT_BYTES),
        ),
    ),
    replies={200: Reply("The receipt.", schemas.Receipt)},
)

ENDPOINTS: Final = (ERASE, ERASURE)
