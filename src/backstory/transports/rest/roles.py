"""Roles of a tenant's own: what they allow and deny, and how that is changed."""

from __future__ import annotations

from typing import Final

from backstory.contexts.roles import Kept, KeptPage
from backstory.contexts.views import page
from backstory.domain import roles
from backstory.domain.commits import Outcome
from backstory.domain.keys import ContextKey
from backstory.domain.permissions import ROLES
from backstory.errors import (
    KeyReusedError,
    PreconditionError,
    SchemaError,
    TooLargeError,
    UnsupportedMediaError,
)
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, params, schemas
from backstory.transports.rest.bodies import json_value
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, retry_of

PATH: Final = "/v1/roles/{role}"
TAG: Final = "Roles"


async def get_role(call: Call) -> Answer:
    """What a role allows and denies."""
    kept = await call.contexts.roles.role(call.principal, call.path("role"))
    return read(call, kept, ContextKey(ROLES, call.path("role")))


async def put_role(call: Call) -> Answer:
    """Makes a role, or another one of it. It is in force on every node within a second."""
    name, raw = call.path("role"), call.body
    value = await json_value(raw, call.measure)
    outcome = await call.contexts.roles.put_role(
        call.principal, name, value, call.conditions(), retry_of(call, raw)
    )
    return await written(call, outcome, roles.key_of(name), f"/v1/roles/{name}")


async def delete_role(call: Call) -> Answer:
    """Takes a role away. Whoever is bound to it has nothing of it any more; denials end, too."""
    outcome = await call.contexts.roles.delete_role(
        call.principal, call.path("role"), call.conditions(), retry_of(call, b"")
    )
    return call.empty(204, extra=replayed(outcome))


async def list_roles(call: Call) -> Answer:
    """Built-in roles and those of the tenant, in order of their names."""
    found = await call.contexts.roles.list_roles(
        call.principal, call.query["cursor"], call.query["limit"]
    )
    return listed(call, found)


def read(call: Call, kept: Kept, key: ContextKey) -> Answer:
    """What stands, or that the caller has it already; what is built in has no tag."""
    version = kept.version or None
    if call.unchanged(kept.version, key) and version is not None:
        return call.empty(304, version=version)
    return call.json(kept.view, version=version)


async def written(call: Call, outcome: Outcome, key: ContextKey, path: str) -> Answer:
    """What stands after the write."""
    result = outcome.results[0]
    kept = await call.contexts.roles.written(call.principal, key, result.version)
    extra = [*replayed(outcome)]
    if result.created:
        extra.append((b"location", path.encode()))
    status = 201 if result.created else 200
    return call.json(kept.view, status=status, version=kept.version, extra=extra)


def listed(call: Call, found: KeptPage) -> Answer:
    return call.json(page([each.view for each in found.items], found.next))


WRITE_ERRORS: Final = (
    PreconditionError,
    TooLargeError,
    UnsupportedMediaError,
    SchemaError,
    KeyReusedError,
)

_EXAMPLE: Final = {
    "description": "Answers customers; sees no salaries.",
    "allow": [
        {"verbs": ["read", "write"], "namespaces": ["teams.support.*", "users.{sub}.*"]},
    ],
    "deny": [{"verbs": ["read"], "namespaces": ["teams.support.salaries.*"]}],
}

GET: Final = Endpoint(
    method="GET",
    path=PATH,
    handler=get_role,
    tag=TAG,
    summary="Read a role",
    replies={
        200: Reply("The role.", schemas.Role, etag=True),
        304: Reply("The caller has this version already.", etag=True),
    },
    errors=(PreconditionError,),
    conditional=True,
)
PUT: Final = Endpoint(
    method="PUT",
    path=PATH,
    handler=put_role,
    tag=TAG,
    summary="Make a role, or change it",
    bodies=(Body(media.JSON, schemas.PutRole, _EXAMPLE),),
    replies={
        200: Reply("The role after the write.", schemas.Role, etag=True),
        201: Reply("It was made.", schemas.Role, etag=True, location=True),
    },
    errors=WRITE_ERRORS,
    writes=True,
    conditional=True,
)
DELETE: Final = Endpoint(
    method="DELETE",
    path=PATH,
    handler=delete_role,
    tag=TAG,
    summary="Delete a role",
    replies={204: Reply("It is gone.")},
    errors=(PreconditionError, KeyReusedError),
    writes=True,
    conditional=True,
)
LIST: Final = Endpoint(
    method="GET",
    path="/v1/roles",
    handler=list_roles,
    tag=TAG,
    summary="List roles",
    query=(params.CURSOR, params.LIMIT),
    replies={200: Reply("A page of roles.", schemas.Roles)},
)

ENDPOINTS: Final = (LIST, GET, PUT, DELETE)
