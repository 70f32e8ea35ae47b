"""Bindings: who has which roles beside those of its token."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from backstory.domain import bindings
from backstory.errors import KeyReusedError, LockOutError, PreconditionError
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, params, schemas
from backstory.transports.rest.bodies import json_value
from backstory.transports.rest.call import Call
from backstory.transports.rest.roles import WRITE_ERRORS, listed, read, written
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, retry_of

PATH: Final = "/v1/bindings/{family}/{bindee}"
TAG: Final = "Roles"


async def get_binding(call: Call) -> Answer:
    """The roles that are bound to a subject, a group or a client."""
    family, name = call.path("family"), call.path("bindee")
    kept = await call.contexts.roles.binding(call.principal, family, name)
    return read(call, kept, bindings.bindee(family, name).key)


async def put_binding(call: Call) -> Answer:
    """Binds roles, in place of those bound before. It is in force on every node within a second."""
    raw = call.body
    bindee = bindings.bindee(call.path("family"), call.path("bindee"))
    value = await json_value(raw, call.measure)
    outcome = await call.contexts.roles.put_binding(
        call.principal, bindee, value, call.conditions(), retry_of(call, raw)
    )
    path = f"/v1/bindings/{bindee.family}/{quote(bindee.name, safe='')}"
    return await written(call, outcome, bindee.key, path)


async def delete_binding(call: Call) -> Answer:
    """Takes away what is bound; roles of the token stay."""
    outcome = await call.contexts.roles.delete_binding(
        call.principal,
        call.path("family"),
        call.path("bindee"),
        call.conditions(),
        retry_of(call, b""),
    )
    return call.empty(204, extra=replayed(outcome))


async def list_bindings(call: Call) -> Answer:
    """All bindings of the tenant: clients, groups, then subjects."""
    found = await call.contexts.roles.list_bindings(
        call.principal, call.query["cursor"], call.query["limit"]
    )
    return listed(call, found)


GET: Final = Endpoint(
    method="GET",
    path=PATH,
    handler=get_binding,
    tag=TAG,
    summary="Read a binding",
    replies={
        200: Reply("The binding.", schemas.Binding, etag=True),
        304: Reply("The caller has this version already.", etag=True),
    },
    errors=(PreconditionError,),
    conditional=True,
)
PUT: Final = Endpoint(
    method="PUT",
    path=PATH,
    handler=put_binding,
    tag=TAG,
    summary="Bind roles",
    bodies=(Body(media.JSON, schemas.PutBinding, {"roles": ["reader"]}),),
    replies={
        200: Reply("The binding after the write.", schemas.Binding, etag=True),
        201: Reply("It was made.", schemas.Binding, etag=True, location=True),
    },
    errors=(*WRITE_ERRORS, LockOutError),
    writes=True,
    conditional=True,
)
DELETE: Final = Endpoint(
    method="DELETE",
    path=PATH,
    handler=delete_binding,
    tag=TAG,
    summary="Delete a binding",
    replies={204: Reply("It is gone.")},
    errors=(PreconditionError, KeyReusedError, LockOutError),
    writes=True,
    conditional=True,
)
LIST: Final = Endpoint(
    method="GET",
    path="/v1/bindings",
    handler=list_bindings,
    tag=TAG,
    summary="List bindings",
    query=(params.CURSOR, params.LIMIT),
    replies={200: Reply("A page of bindings.", schemas.Bindings)},
)

ENDPOINTS: Final = (LIST, GET, PUT, DELETE)
