"""The REST application: routes from the table, and what all calls have in common."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from backstory.domain.deprecations import Deprecation
from backstory.domain.keys import shorten
from backstory.errors import MethodError, MissingError
from backstory.ports.events import DeprecatedUsed
from backstory.transports.edge import deprecating
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.guard import HOOKS, PRINCIPAL, REQUEST
from backstory.transports.rest import docs
from backstory.transports.rest.call import Call, Served
from backstory.transports.rest.endpoints import endpoints
from backstory.transports.rest.handling import handled
from backstory.transports.rest.table import Endpoint

_ADVICE: Final = {"POST": b"accept-post", "PATCH": b"accept-patch"}


def rest_app(served: Served) -> ASGIApp:
    """The application under the guard, which makes answers of the errors it raises."""
    table = endpoints(served.accepted)
    routes: list[BaseRoute] = [
        Route(_routed(path), Resource(served, group)) for path, group in _by_path(table)
    ]
    routes += [Route(path, asset) for path, asset in docs.assets(table)]
    return Router(routes, redirect_slashes=False, default=_nowhere)


def _routed(path: str) -> str:
    """Whom a token names may have a slash in its name."""
    return path.replace("{bindee}", "{bindee:path}")


def _by_path(table: Iterable[Endpoint]) -> Iterable[tuple[str, list[Endpoint]]]:
    for path, group in groupby(table, key=lambda endpoint: endpoint.path):
        yield path, list(group)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    del receive, send
    raise MissingError(f"there is nothing at {shorten(scope['path'])}; /openapi.json lists all")


class Resource:
    """All endpoints of one path."""

    def __init__(self, served: Served, group: Iterable[Endpoint]) -> None:
        self._served = served
        self._endpoints = {endpoint.method: endpoint for endpoint in group}
        if "GET" in self._endpoints:
            self._endpoints["HEAD"] = self._endpoints["GET"]
        self._allow = [*self._endpoints, "OPTIONS"]
        self._announced = {
            method: deprecating.headers(endpoint.deprecation)
            for method, endpoint in self._endpoints.items()
            if endpoint.deprecation is not None
        }
        self._uses = deprecating.Uses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            answer: ASGIApp = self._other(scope)
        else:
            scope[REQUEST].routed(endpoint.path)
            if endpoint.deprecation is not None:
                send = self._announcing(endpoint, endpoint.deprecation, scope, send)
            answer = await self._call(endpoint, scope, receive)
        await answer(scope, receive, send)

    def _announcing(
        self, endpoint: Endpoint, deprecation: Deprecation, scope: Scope, send: Send
    ) -> Send:
        what = f"{endpoint.method} {endpoint.path}"
        self._uses.used(what, deprecation, scope.get(PRINCIPAL))
        scope[HOOKS].tell(DeprecatedUsed(endpoint.method, endpoint.path))
        return deprecating.announcing(scope, send, self._announced[scope["method"]])

    async def _call(self, endpoint: Endpoint, scope: Scope, receive: Receive) -> ASGIApp:
        query = endpoint.asked(scope["query_string"])
        call = Call(scope, receive, self._served, query)
        if endpoint.bodies and not endpoint.streams:
            await call.read_body(endpoint.media)
        return await handled(endpoint, call)

    def _other(self, scope: Scope) -> Answer:
        """OPTIONS (RFC 9110 section 9.3.7), or a method that is not for this resource."""
        if scope["method"] != "OPTIONS":
            raise MethodError(
                f"{shorten(scope['method'])} is not for this resource", allow=self._allow
            )
        headers = [(b"allow", ", ".join(self._allow).encode())]
        for method, header in _ADVICE.items():
            if method in self._endpoints and self._endpoints[method].bodies:
                types = ", ".join(self._endpoints[method].media)
                headers.append((header, types.encode()))
        return Answer(204, headers=headers)
