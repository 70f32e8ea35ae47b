"""What the newest requests tell operators."""

from __future__ import annotations

import asyncio
from typing import Final

from backstory.errors import DeniedError, MissingError
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import schemas
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Endpoint, Reply


async def get_insights(call: Call) -> Answer:
    """Errors, slow calls, busy tenants, conflicts and growth among the newest requests.

    Of the process that answers: with several workers or nodes, each remembers its own. For all of
    them over a long time, analyze their logs (`backstory analyze`).
    """
    if not call.principal.operator:
        raise DeniedError("insights are for operators; `operators` of the settings names them")
    if call.served.insights is None:
        raise MissingError("no requests are remembered; set --insights")
    return call.json(await asyncio.to_thread(call.served.insights))


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/admin/insights",
        handler=get_insights,
        tag="Operations",
        summary="What the newest requests tell",
        replies={200: Reply("What they tell.", schemas.Insights)},
        errors=(DeniedError, MissingError),
    ),
)
