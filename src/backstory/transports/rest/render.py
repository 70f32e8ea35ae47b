"""Windows for models."""

from __future__ import annotations

from typing import Final

from backstory import limits
from backstory.errors import (
    InvalidKeyError,
    MissingError,
    RenderBudgetError,
    RenderGoneError,
    SchemaError,
    SearchDisabledError,
    TooLargeError,
    UnknownModelError,
    UnsupportedMediaError,
)
from backstory.rendering.requests import RenderRequest
from backstory.transports.edge import strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, params, schemas
from backstory.transports.rest.bodies import shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply

_EXAMPLE: Final = {
    "sources": [
        {"context": "users.42/preferences"},
        {"context": "users.42/chat-7", "entries": "recent"},
    ],
    "model": "gpt-4o",
    "format": "openai",
    "budget": 8000,
    "reserve": 1000,
}


async def render_window(call: Call) -> Answer:
    """A window on contexts that fits a model's budget, with the ledger of what was kept."""
    request = shaped(await strict_json.loads_aside(call.body), RenderRequest)
    window = await call.served.renderer.render(call.principal, request)
    return call.json(window.view())


async def read_render(call: Call) -> Answer:
    """The same window again, byte for byte, as long as the history it shows is kept."""
    window = await call.served.renderer.again(call.principal, _known(call.path("id")))
    return call.json(window.view())


async def compare_renders(call: Call) -> Answer:
    """What differs from one render to another: parameters, versions, fates of entries, input."""
    ids = _known(call.path("id")), _known(call.query["to"])
    return call.json(await call.served.renderer.compare(call.principal, *ids))


def _known(render_id: str) -> str:
    """The id, if it may be one of ours."""
    if len(render_id) > limits.RENDER_ID_BYTES:
        raise MissingError("there is no such render of yours")
    return render_id


RENDER: Final = Endpoint(
    method="POST",
    path="/v1/render",
    handler=render_window,
    tag="Render",
    summary="Render a window for a model",
    bodies=(Body(media.JSON, RenderRequest, _EXAMPLE),),
    replies={200: Reply("The window.", schemas.Window)},
    errors=(
        InvalidKeyError,
        RenderBudgetError,
        RenderGoneError,
        SchemaError,
        SearchDisabledError,
        TooLargeError,
        UnknownModelError,
        UnsupportedMediaError,
    ),
)
AGAIN: Final = Endpoint(
    method="GET",
    path="/v1/renders/{id}",
    handler=read_render,
    tag="Render",
    summary="Render a window again as it was",
    replies={200: Reply("The window.", schemas.Window)},
    errors=(RenderGoneError,),
)
COMPARE: Final = Endpoint(
    method="GET",
    path="/v1/renders/{id}/diff",
    handler=compare_renders,
    tag="Render",
    summary="Compare two renders",
    query=(
        params.Param(
            "to",
            "The `render_id` of the other.",
            params.text(limits.HEADER_BYTES),
            required=True,
        ),
    ),
    replies={200: Reply("What differs.", schemas.WindowDifference)},
    errors=(RenderGoneError,),
)

ENDPOINTS: Final = (RENDER, AGAIN, COMPARE)
