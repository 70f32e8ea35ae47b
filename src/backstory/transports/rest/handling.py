"""What all calls have in common around their handler: how long they may take, and copies."""

from __future__ import annotations

from starlette.types import ASGIApp

from backstory.errors import BusyError, OutcomeUnknownError
from backstory.ports.staleness import Staleness
from backstory.resilience.deadlines import LateError, answered
from backstory.transports.edge.headers import patience
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Endpoint


async def handled(endpoint: Endpoint, call: Call) -> ASGIApp:
    """The answer of its handler.

    Raises:
        BusyError, OutcomeUnknownError: it took longer than the caller has patience for.
        BackstoryError: as the handler.
    """
    if endpoint.waits:
        return await endpoint.handler(call)
    try:
        seconds, work = patience(call.scope), endpoint.handler(call)
        if not endpoint.stale:
            return await answered(seconds, work, waits=endpoint.writes)
        with Staleness(allowed=call.takes_copies) as call.staleness:
            return await answered(seconds, work)
    except LateError as error:
        raise _late(endpoint, error) from error


def _late(endpoint: Endpoint, late: LateError) -> BusyError | OutcomeUnknownError:
    if endpoint.writes:
        return OutcomeUnknownError(f"{late}; retry with the same idempotency key or entry ids")
    return BusyError(str(late), limit="REQUEST_SECONDS")
