"""Kinds: what contexts of a kind may hold, and how that is changed."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from backstory.contexts.kinds import KindReading
from backstory.contexts.views import page
from backstory.domain.kinds import context_of
from backstory.errors import (
    IncompatibleError,
    KeyReusedError,
    LimitReachedError,
    PreconditionError,
    SchemaError,
    StaleRulesError,
    TooLargeError,
    UnknownKindError,
    UnsupportedMediaError,
)
from backstory.transports.edge import strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, params, schemas
from backstory.transports.rest.answers import encode
from backstory.transports.rest.bodies import json_value
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, retry_of

PATH: Final = "/v1/kinds/{kind}"
TAG: Final = "Kinds"


async def get_kind(call: Call) -> Answer:
    """What contexts of a kind may hold. A built-in kind accepts any object until it is registered.

    One of an extension is known without being registered; registering it overrides it.
    """
    reading = await call.contexts.kinds.read(call.principal, call.path("kind"))
    version = reading.version
    # One that is not registered has no tag, but conditions are checked.
    if call.unchanged(version or 0, context_of(reading.kind)) and version is not None:
        return call.empty(304, version=version)
    return await _answer(call, reading)


async def put_kind(call: Call) -> Answer:
    """Registers a kind, or gives it another schema. It is in force with the next write, everywhere."""
    kind, raw = call.path("kind"), call.body
    value = await json_value(raw, call.measure)
    outcome = await call.contexts.kinds.register(
        call.principal, kind, lambda: value, call.conditions(), retry_of(call, raw)
    )
    result = outcome.results[0]
    reading = await call.contexts.kinds.registered(call.principal, kind, result.version)
    extra = [*replayed(outcome)]
    if result.created:
        extra.append((b"location", f"/v1/kinds/{kind}".encode()))
    status = 201 if result.created else 200
    return await _answer(call, reading, status, extra)


async def list_kinds(call: Call) -> Answer:
    """Built-in, registered and packaged kinds, in order of their names, without their schemas."""
    found = await call.contexts.kinds.list(
        call.principal, call.query["cursor"], call.query["limit"]
    )
    return call.json(page(found.views(), found.next))


async def _answer(call: Call, reading: KindReading, status: int = 200, extra: Any = ()) -> Answer:
    """A kind may be long to write out; where it is, that leaves the event loop."""
    if len(reading.state or b"") <= strict_json.INLINE_BYTES:
        view = call.contexts.kinds.view(reading)
        return call.json(view, status=status, version=reading.version, extra=extra)
    body = await asyncio.to_thread(lambda: encode(call.contexts.kinds.view(reading)))
    return call.encoded(body, status=status, version=reading.version, extra=extra)


_EXAMPLE: Final = {
    "schema": {
        "type": "object",
        "properties": {"stage": {"enum": ["new", "won", "lost"]}},
        "required": ["stage"],
    },
    "compatibility": "backward",
}

GET: Final = Endpoint(
    method="GET",
    path=PATH,
    handler=get_kind,
    tag=TAG,
    summary="Read a kind",
    replies={
        200: Reply("The kind.", schemas.Kind, etag=True),
        304: Reply("The caller has this version already.", etag=True),
    },
    errors=(PreconditionError,),
    conditional=True,
)
PUT: Final = Endpoint(
    method="PUT",
    path=PATH,
    handler=put_kind,
    tag=TAG,
    summary="Register a kind, or change its schema",
    bodies=(Body(media.JSON, schemas.PutKind, _EXAMPLE),),
    replies={
        200: Reply("The kind after the write.", schemas.Kind, etag=True),
        201: Reply("It was registered.", schemas.Kind, etag=True, location=True),
    },
    errors=(
        IncompatibleError,
        LimitReachedError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        UnknownKindError,
        KeyReusedError,
        StaleRulesError,
    ),
    writes=True,
    conditional=True,
)
LIST: Final = Endpoint(
    method="GET",
    path="/v1/kinds",
    handler=list_kinds,
    tag=TAG,
    summary="List kinds",
    query=(params.CURSOR, params.LIMIT),
    replies={200: Reply("A page of kinds.", schemas.Kinds)},
)

ENDPOINTS: Final = (LIST, GET, PUT)
