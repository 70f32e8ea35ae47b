"""All that MCP offers beside contexts: ours, and what extensions add, each for those who may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from mcp.server.caching import CacheableMethod
from mcp.shared.inbound import X_MCP_HEADER_KEY

from backstory.domain.principals import Principal
from backstory.transports.mcp import showing
from backstory.transports.mcp.callers import Served
from backstory.transports.mcp.extending import Item
from backstory.transports.mcp.interests import Followed
from backstory.transports.mcp.offers import Offers
from backstory.transports.mcp.tools import TABLE
from backstory.transports.mcp.windows import BUILT_IN

_Item = TypeVar("_Item", bound=Item)
_NOTHING: Final[Mapping[str, Any]] = {}


class Catalogue(Offers):
    """What there is, by name; ours first."""

    def __init__(self, served: Served) -> None:
        """Takes what the wiring has found.

        Raises:
            ConfigError: as `Offers`.
        """
        super().__init__(served.extensions)
        self._contexts = served.contexts
        self._foreign = {
            "tools/call": frozenset(self.tools),
            "prompts/get": frozenset(self.prompts),
        }
        self._mirrored = {
            tool.name: tool.input_schema
            for tool in self.tools.values()
            if X_MCP_HEADER_KEY in str(tool.input_schema)
        }
        self.varying = self._varying()
        self.tools = {name: tool.offered(served) for name, tool in TABLE.items()} | self.tools
        self.prompts = {prompt.name: prompt for prompt in BUILT_IN} | self.prompts
        self.definitions = {name: tool.definition() for name, tool in self.tools.items()}

    def _varying(self) -> list[CacheableMethod]:
        """The lists that may change for one caller, beside those that always may."""
        found: list[CacheableMethod] = []
        if self.tools_follow or _any_hides(self.tools.values()):
            found.append("tools/list")
        if _any_hides(self.templates.values()):
            found.append("resources/templates/list")
        return found

    async def shown(self, items: Iterable[_Item], principal: Principal) -> list[_Item]:
        """Those of the items that the caller is shown, in their order."""
        return [item for item in items if await self.shows(item, principal=principal)]

    async def shows(
        self, item: Item, variables: Mapping[str, Any] = _NOTHING, *, principal: Principal
    ) -> bool:
        """Whether the caller may know of the item, and use it."""
        return await showing.shows(item, principal, self._contexts, variables)

    async def followed(self, uri: str, principal: Principal) -> Followed | None:
        """The extension's resource that the URI names, where the caller may read it."""
        found = self.resource(uri)
        if found is None or not await self.shows(*found, principal=principal):
            return None
        return Followed(showing.pattern(found.item.follows, found.variables))

    def mirrored(self, tool: str) -> Mapping[str, Any] | None:
        """The schema of a tool with arguments that clients repeat in headers (SEP-2243)."""
        return self._mirrored.get(tool)

    def foreign(self, method: str, params: Any) -> bool:
        """Whether an extension answers the request."""
        if not isinstance(params, dict):
            return False
        if method == "resources/read":
            uri = params.get("uri")
            return isinstance(uri, str) and self.resource(uri) is not None
        name = params.get("name")
        return isinstance(name, str) and name in self._foreign.get(method, ())


def _any_hides(items: Iterable[Item]) -> bool:
    return any(item.shown is not None for item in items)
