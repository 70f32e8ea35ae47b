"""The OpenAPI 3.1 document, made of the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from backstory import __version__, limits
from backstory.domain.bindings import FAMILIES
from backstory.domain.keys import NAME_RULE, NAMESPACE_RULE
from backstory.errors import (
    BackstoryError,
    BusyError,
    MalformedError,
    OutcomeUnknownError,
    QuotaBytesError,
    QuotaContextsError,
    RequestTimeoutError,
)
from backstory.transports.edge import problems
from backstory.transports.rest import media, schemas
from backstory.transports.rest.params import Param
from backstory.transports.rest.table import ALWAYS, Body, Endpoint, Reply

_REF: Final = "#/components/schemas/{name}"
_IN_PATH: Final = re.compile(r"{(\w+)}")
_PATH_PARAMS: Final[dict[str, dict[str, Any]]] = {
    "namespace": {
        "description": NAMESPACE_RULE,
        "schema": {
            "type": "string",
            "pattern": f"^{schemas.NAMESPACE_PATTERN}$",
            "maxLength": limits.NAMESPACE_BYTES,
        },
        "example": "users.42",
    },
    "id": {
        "description": "`render_id` of an earlier answer.",
        "schema": {
            "type": "string",
            "pattern": r"^[A-Za-z0-9_-]+$",
            "maxLength": limits.RENDER_ID_BYTES,
        },
    },
    "name": {
        "description": NAME_RULE,
        "schema": {
            "type": "string",
            "pattern": f"^{schemas.NAME_PATTERN}$",
            "maxLength": limits.NAME_BYTES,
        },
        "example": "preferences",
    },
    "seq": {
        "description": "The entry's seq.",
        "schema": {"type": "integer", "minimum": 1, "maximum": limits.SEQ_MAX},
    },
    "hash": {
        "description": "The BLAKE3 hash of a chunk's bytes, in hex.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
    "role": {
        "description": "The name of a role.",
        "schema": {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9_-]*$",
            "maxLength": limits.ROLE_BYTES,
        },
        "example": "support",
    },
    "family": {
        "description": "What a token names: a subject, one of its groups, or a client.",
        "schema": {"type": "string", "enum": list(FAMILIES)},
    },
    "bindee": {
        "description": "The subject, group or client as the token names it.",
        "schema": {"type": "string", "minLength": 1, "maxLength": limits.SUBJECT_BYTES},
        "example": "staff",
    },
    "kind": {
        "description": "The name of a kind.",
        "schema": {"type": "string"},
        "example": "preferences",
    },
}
_IF_MATCH: Final = ("If-Match", 'Go on only if one of these tags stands, such as `"7"`, or `*`.')
_IF_NONE_MATCH: Final = ("If-None-Match", "Go on only if none of these tags stands, or `*`.")
_TAGS: Final = r'^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$'
_IDEMPOTENCY: Final = (
    "Idempotency-Key",
    "Names the request, so that a retry is answered like the first and not done twice.",
)


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    components = _components(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backstory",
            "version": __version__,
            "description": "A context server for AI applications: what a model has to know.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(e.tag for e in endpoints)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _components(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    shapes: list[Any] = [schemas.Problem, schemas.NewEntry]
    for endpoint in endpoints:
        shapes += [body.shape for body in endpoint.bodies]
        for reply in endpoint.replies.values():
            shapes += reply.shapes
    _, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    return components


def _schema(shape: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=_REF)
    return schema


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "summary": endpoint.summary,
        "description": endpoint.description,
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.deprecation is not None:
        operation["deprecated"] = True
        if endpoint.deprecation.sunset is not None:
            operation["x-sunset"] = endpoint.deprecation.sunset.isoformat()
    if endpoint.bodies:
        content = {body.media: _content(body) for body in endpoint.bodies}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _content(body: Body) -> dict[str, Any]:
    content = {"schema": _schema(body.shape)}
    return content if body.example is None else content | {"example": body.example}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True} | _PATH_PARAMS[name]
        for name in _IN_PATH.findall(endpoint.path)
    ]
    found += [_query_parameter(param) for param in endpoint.query]
    if endpoint.conditional:
        found += [_header_parameter(*_IF_MATCH), _header_parameter(*_IF_NONE_MATCH)]
        for header in found[-2:]:
            header["schema"]["pattern"] = _TAGS
            header["example"] = '"7"'
    if endpoint.writes:
        key = _header_parameter(*_IDEMPOTENCY)
        key["schema"] |= {
            "minLength": 1,
            "maxLength": limits.IDEMPOTENCY_KEY_BYTES,
            "pattern": r"^[!#-~]+$",
        }
        found.append(key)
    return found


def _query_parameter(param: Param) -> dict[str, Any]:
    return {
        "name": param.name,
        "in": "query",
        "required": param.required,
        "description": param.about,
        "schema": dict(param.schema),
    }


def _header_parameter(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    found = {
        str(status): _reply(reply, stale=endpoint.stale and not endpoint.probe)
        for status, reply in endpoint.replies.items()
    }
    for status, codes in sorted(_codes(endpoint).items()):
        if str(status) not in found:
            found[str(status)] = _problem(codes)
    return found


def _reply(reply: Reply, *, stale: bool) -> dict[str, Any]:
    response: dict[str, Any] = {"description": reply.about}
    if reply.shapes:
        found = [_schema(shape) for shape in reply.shapes]
        schema = found[0] if len(found) == 1 else {"anyOf": found}
        response["content"] = {reply.media: {"schema": schema}}
        if schemas.Changes in reply.shapes:
            response["content"][media.EVENTS] = {"schema": {"type": "string"}}
    headers = {}
    if reply.etag:
        headers["ETag"] = 'The version\'s tag, such as `"7"`.'
    if reply.location:
        headers["Location"] = "Where the context is."
    if stale:
        headers["Backstory-Stale"] = (
            "While the store is away: how many seconds ago at the most this was known to be true."
        )
    if headers:
        response["headers"] = {
            name: {"description": about, "schema": {"type": "string"}}
            for name, about in headers.items()
        }
    return response


def _codes(endpoint: Endpoint) -> dict[int, list[type[BackstoryError]]]:
    """The errors of an endpoint by status, those of all calls included."""
    errors: list[type[BackstoryError]] = [*endpoint.errors, MalformedError]
    if not endpoint.probe:
        errors += [*ALWAYS, BusyError]
    if endpoint.bodies:
        errors.append(RequestTimeoutError)
    if endpoint.writes:
        errors += [OutcomeUnknownError, QuotaContextsError, QuotaBytesError]
    found: dict[int, list[type[BackstoryError]]] = {}
    for error in dict.fromkeys(errors):
        found.setdefault(error.status, []).append(error)
    return found


def _problem(errors: Sequence[type[BackstoryError]]) -> dict[str, Any]:
    about = "; ".join(f"`{error.code}`: {_sentence(error)}" for error in errors)
    return {
        "description": about,
        "content": {problems.MEDIA_TYPE: {"schema": _schema(schemas.Problem)}},
    }


def _sentence(error: type[BackstoryError]) -> str:
    return (error.__doc__ or error.title).strip().splitlines()[0]
