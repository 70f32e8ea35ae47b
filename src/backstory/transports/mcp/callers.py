"""Who calls: set by the edge for HTTP, the same for all of a stdio connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.server.context import ServerRequestContext
from starlette.requests import Request

from backstory.contexts.service import Contexts
from backstory.domain.principals import Principal
from backstory.rendering.service import Renderer
from backstory.transports.edge.guard import PRINCIPAL
from backstory.transports.edge.headers import wants_truth
from backstory.transports.mcp.extending import Extension

RequestContext = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """What handlers serve; `local` calls where no HTTP request says who does."""

    contexts: Contexts
    renderer: Renderer
    local: Principal | None = None
    extensions: Mapping[str, Extension] = field(default_factory=dict)

    def principal(self, ctx: RequestContext) -> Principal:
        """The caller of this request.

        Raises:
            PermissionError: nobody has said who calls; nothing may be answered.
        """
        request = ctx.request
        found = request.scope.get(PRINCIPAL) if isinstance(request, Request) else self.local
        if not isinstance(found, Principal):
            raise PermissionError("a request came without a principal")
        return found

    def takes_copies(self, ctx: RequestContext) -> bool:
        """Whether an answer that was true some time ago is better than none to the caller."""
        request = ctx.request
        return not (isinstance(request, Request) and wants_truth(request.scope))
