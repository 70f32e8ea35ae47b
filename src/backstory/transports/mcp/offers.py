"""What all extensions add, put together and checked: no name twice, and none of ours.

Whoever takes a name that is taken, or cannot be served as it is, stops the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mcp.shared.uri_template import UriTemplate

from backstory import extensions
from backstory.domain.keys import NamespacePattern
from backstory.errors import BackstoryError, ConfigError
from backstory.processing.schemas.validating import SchemaValidator
from backstory.transports.mcp import admitting
from backstory.transports.mcp.extending import Extension, Prompt, Resource, Template, Tool
from backstory.transports.mcp.tools import TABLE
from backstory.transports.mcp.windows import BUILT_IN

_FOLLOWING: Final = ("tools_follow", "prompts_follow", "resources_follow")


class Found(NamedTuple):
    """What a URI names, and the variables of its template."""

    item: Resource | Template
    variables: Mapping[str, Any]


class Validators(NamedTuple):
    """What a tool's arguments and its answer are held against."""

    arguments: SchemaValidator
    answer: SchemaValidator | None


class Offers:
    """What there is beside ours, by name."""

    def __init__(self, added: Mapping[str, Extension]) -> None:
        """Takes extensions by the names of their entry points.

        Raises:
            ConfigError: one cannot be served; names it, and says why.
        """
        self.tools: dict[str, Tool] = {}
        self.prompts: dict[str, Prompt] = {}
        self.resources: dict[str, Resource] = {}
        self.templates: dict[str, Template] = {}
        self.validators: dict[str, Validators] = {}
        self.tools_follow: list[NamespacePattern] = []
        self.prompts_follow: list[NamespacePattern] = []
        self.resources_follow: list[NamespacePattern] = []
        self._parsed: dict[str, UriTemplate] = {}
        for name, extension in added.items():
            try:
                self._add(extension)
            except (BackstoryError, ValueError, TypeError, AttributeError) as error:
                raise _unusable(name, getattr(error, "detail", str(error))) from error
        admitting.check_lists(
            tools=self.tools.values(),
            prompts=self.prompts.values(),
            resources=self.resources.values(),
            templates=self.templates.values(),
        )

    def resource(self, uri: str) -> Found | None:
        """The resource that a URI names; not whether the caller may read it."""
        if (resource := self.resources.get(uri)) is not None:
            return Found(resource, {})
        for name, parsed in self._parsed.items():
            variables = parsed.match(uri)
            if variables is not None:
                return Found(self.templates[name], variables)
        return None

    def _add(self, extension: Extension) -> None:
        if not isinstance(extension, Extension):
            raise ConfigError(f"it made a {type(extension).__name__}, and not an Extension")
        for tool in extension.tools:
            checked = admitting.check_tool(tool, TABLE.keys() | self.tools.keys())
            self.validators[tool.name] = Validators(*checked)
            self.tools[tool.name] = tool
        for prompt in extension.prompts:
            ours = {each.name for each in BUILT_IN}
            admitting.check_prompt(prompt, ours | self.prompts.keys())
            self.prompts[prompt.name] = prompt
        for resource in extension.resources:
            admitting.check_resource(resource, self.resources)
            self.resources[resource.uri] = resource
        for template in extension.templates:
            self._parsed[template.uri] = admitting.check_template(template, self.templates)
            self.templates[template.uri] = template
        for name in _FOLLOWING:
            if (followed := getattr(extension, name)) is not None:
                getattr(self, name).append(NamespacePattern.parse(followed))


def _made(_: extensions.Extension, maker: Any) -> Extension:
    return extensions.product(maker, Extension)


GROUP: Final = extensions.Group(extensions.MCP, frozenset(), _made)


def found() -> Mapping[str, Extension]:
    """The extensions that are installed, by the names of their entry points.

    Raises:
        ConfigError: one cannot be loaded or made.
    """
    return extensions.made(GROUP)


def _unusable(name: str, detail: str) -> ConfigError:
    return ConfigError(f"extension {name} of {extensions.MCP}: {detail}")
