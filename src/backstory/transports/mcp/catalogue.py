"""All that MCP offers beside contexts: ours, and what extensions add.

It is put together once, at the start, and checked: whoever takes a name that is taken, or
cannot be served as it is, stops the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from mcp.server.caching import CacheableMethod
from mcp.shared.inbound import X_MCP_HEADER_KEY
from mcp.shared.uri_template import UriTemplate

from backstory import extensions
from backstory.domain.keys import NamespacePattern
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, ConfigError
from backstory.processing.schemas.validating import SchemaValidator
from backstory.transports.mcp import admitting, showing
from backstory.transports.mcp.callers import Served
from backstory.transports.mcp.extending import Extension, Item, Prompt, Resource, Template, Tool
from backstory.transports.mcp.interests import Followed
from backstory.transports.mcp.tools import TABLE
from backstory.transports.mcp.windows import BUILT_IN

_Item = TypeVar("_Item", bound=Item)
_NOTHING: Final[Mapping[str, Any]] = {}
_NAMED: Final = {"tools/call": "tools", "prompts/get": "prompts", "resources/read": "resources"}


class Found(NamedTuple):
    """What a URI names, and the variables of its template."""

    item: Resource | Template
    variables: Mapping[str, Any]


class Validators(NamedTuple):
    """What a tool's arguments and its answer are held against."""

    arguments: SchemaValidator
    answer: SchemaValidator | None


class Catalogue:
    """What there is, by name."""

    def __init__(self, served: Served) -> None:
        self._contexts = served.contexts
        self.tools: dict[str, Tool] = {name: tool.offered(served) for name, tool in TABLE.items()}
        self.prompts: dict[str, Prompt] = {prompt.name: prompt for prompt in BUILT_IN}
        self.resources: dict[str, Resource] = {}
        self.templates: dict[str, Template] = {}
        self.validators: dict[str, Validators] = {}
        self.tools_follow: list[NamespacePattern] = []
        self.prompts_follow: list[NamespacePattern] = []
        self.resources_follow: list[NamespacePattern] = []
        self._parsed: dict[str, UriTemplate] = {}
        ours = len(self.tools), len(self.prompts)
        for name, extension in served.extensions.items():
            try:
                self._add(extension)
            except (BackstoryError, ValueError, TypeError, AttributeError) as error:
                detail = getattr(error, "detail", str(error))
                raise ConfigError(f"extension {name} of {extensions.MCP}: {detail}") from error
        self._foreign: dict[str, frozenset[str]] = {
            "tools": frozenset(list(self.tools)[ours[0] :]),
            "prompts": frozenset(list(self.prompts)[ours[1] :]),
        }
        admitting.check_lists(
            [self.tools[name] for name in self._foreign["tools"]],
            [self.prompts[name] for name in self._foreign["prompts"]],
            [*self.resources.values()],
            [*self.templates.values()],
        )
        self.varying: list[CacheableMethod] = []
        """The lists that may change for one caller, beside those that always may."""
        if self.tools_follow or _any_hides(self.tools.values()):
            self.varying.append("tools/list")
        if _any_hides(self.templates.values()):
            self.varying.append("resources/templates/list")
        self.definitions = {name: tool.definition() for name, tool in self.tools.items()}
        self._mirrored = {
            tool.name: tool.input_schema
            for tool in self.tools.values()
            if tool.name in self.validators and X_MCP_HEADER_KEY in str(tool.input_schema)
        }

    def resource(self, uri: str) -> Found | None:
        """The extension's resource that a URI names; not whether the caller may read it."""
        if (resource := self.resources.get(uri)) is not None:
            return Found(resource, {})
        for name, parsed in self._parsed.items():
            variables = parsed.match(uri)
            if variables is not None:
                return Found(self.templates[name], variables)
        return None

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
        kind = _NAMED.get(method)
        if kind is None or not isinstance(params, dict):
            return False
        named = params.get("uri" if kind == "resources" else "name")
        if not isinstance(named, str):
            return False
        if kind == "resources":
            return self.resource(named) is not None
        return named in self._foreign[kind]

    def _add(self, extension: Extension) -> None:
        if not isinstance(extension, Extension):
            raise ConfigError(f"it made a {type(extension).__name__}, and not an Extension")
        for tool in extension.tools:
            self.validators[tool.name] = Validators(*admitting.check_tool(tool, self.tools))
            self.tools[tool.name] = tool
        for prompt in extension.prompts:
            admitting.check_prompt(prompt, self.prompts)
            self.prompts[prompt.name] = prompt
        for resource in extension.resources:
            admitting.check_resource(resource, self.resources)
            self.resources[resource.uri] = resource
        for template in extension.templates:
            self._parsed[template.uri] = admitting.check_template(template, self.templates)
            self.templates[template.uri] = template
        for name in ("tools_follow", "prompts_follow", "resources_follow"):
            if (followed := getattr(extension, name)) is not None:
                getattr(self, name).append(NamespacePattern.parse(followed))


def _any_hides(items: Iterable[Item]) -> bool:
    return any(item.shown is not None for item in items)


def found() -> dict[str, Extension]:
    """The extensions that are installed, by the names of their entry points.

    Raises:
        ConfigError: one cannot be loaded or made.
    """
    made: dict[str, Extension] = {}
    for name, maker in extensions.makers(extensions.MCP).items():
        try:
            made[name] = maker()
        except Exception as error:
            raise ConfigError(
                f"extension {name} of {extensions.MCP} cannot be made: "
                f"{type(error).__name__}: {error}"
            ) from error
    return made
