"""What an extension has to be like: checked once, at the start."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

import orjson
from mcp.shared.inbound import find_invalid_x_mcp_header
from mcp.shared.tool_name_validation import TOOL_NAME_REGEX
from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate

from backstory import extensions, limits
from backstory.domain.keys import NamespacePattern, check_namespace
from backstory.errors import ConfigError
from backstory.processing.schemas.validating import SchemaValidator
from backstory.transports.mcp import answers
from backstory.transports.mcp.extending import Item, Prompt, Resource, Template, Tool
from backstory.transports.mcp.uris import SCHEME

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_SAMPLE: Final = "x"  # stands for a variable where what is around it is checked


def check_tool(
    tool: Tool, taken: Collection[str]
) -> tuple[SchemaValidator, SchemaValidator | None]:
    """What its arguments and its answer are held against.

    Raises:
        ConfigError, SchemaError: it cannot be served; the detail says why.
    """
    what = f"the tool {tool.name}"
    _check(tool, what, tool.name in taken)
    if not TOOL_NAME_REGEX.match(tool.name):
        raise ConfigError(f"{what}: a name has 1 to 128 of A-Z, a-z, 0-9, '_', '-' and '.'")
    if (wrong := find_invalid_x_mcp_header(tool.input_schema)) is not None:
        raise ConfigError(f"{what}: {wrong}")
    given = _validator(tool.input_schema, f"{what}, input_schema")
    if tool.output_schema is None:
        return given, None
    return given, _validator(tool.output_schema, f"{what}, output_schema")


def check_prompt(prompt: Prompt, taken: Collection[str]) -> None:
    """Raises ConfigError where it cannot be served."""
    what = f"the prompt {prompt.name}"
    _check(prompt, what, prompt.name in taken)
    if not prompt.name or "/" in prompt.name:
        raise ConfigError(f"{what}: a name with a / is that of a stored prompt")


def check_resource(resource: Resource, taken: Collection[str]) -> None:
    """Raises ConfigError where it cannot be served."""
    what = f"the resource {resource.uri}"
    _check(resource, what, resource.uri in taken)
    _check_uri(resource.uri, what)


def check_template(template: Template, taken: Collection[str]) -> UriTemplate:
    """The template, to be matched.

    Raises:
        ConfigError: it cannot be served.
    """
    what = f"the template {template.uri}"
    _check(template, what, template.uri in taken)
    _check_uri(template.uri, what)
    try:
        parsed = UriTemplate.parse(template.uri)
    except InvalidUriTemplate as error:
        raise ConfigError(f"{what}: {error}") from error
    unknown = set(template.complete) - set(parsed.variable_names)
    for text in filter(None, (template.namespace, template.follows)):
        unknown |= set(_VARIABLE.findall(text)) - set(parsed.variable_names)
    if unknown:
        raise ConfigError(f"{what} has no variable {', '.join(sorted(unknown))}")
    return parsed


def check_lists(**lists: Iterable[Item]) -> None:
    """Raises ConfigError where all extensions together make a list too long."""
    for name, items in lists.items():
        size = answers.weigh([item.definition() for item in items])
        if size > limits.EXTENSION_LIST_BYTES:
            raise ConfigError(
                f"the {name} of all extensions of {extensions.MCP} take {size} bytes; "
                f"at most {limits.EXTENSION_LIST_BYTES} (EXTENSION_LIST_BYTES) may be shown"
            )


def _check(item: Item, what: str, taken: bool) -> None:
    if taken:
        raise ConfigError(f"{what}: the name is taken")
    if not callable(item.handler):
        raise ConfigError(f"{what}: its handler is no function")
    if item.seconds is None or not 0 < item.seconds <= limits.EXTENSION_SECONDS:
        raise ConfigError(f"{what}: seconds lie above 0 and up to {limits.EXTENSION_SECONDS:g}")
    if item.namespace is not None:
        check_namespace(_VARIABLE.sub(_SAMPLE, item.namespace))
    if isinstance(item, Resource | Template) and item.follows is not None:
        NamespacePattern.parse(_VARIABLE.sub(_SAMPLE, item.follows))
    try:
        orjson.dumps(item.definition())
    except TypeError as error:
        raise ConfigError(f"{what}: its definition is not JSON: {error}") from error


def _check_uri(uri: str, what: str) -> None:
    if not _URI.fullmatch(uri):
        raise ConfigError(f"{what}: a URI begins with a scheme")
    if uri.startswith(SCHEME):
        raise ConfigError(f"{what}: {SCHEME} names contexts, and is taken")


def _validator(schema: object, what: str) -> SchemaValidator:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ConfigError(f"{what}: a JSON Schema of type object is needed")
    return SchemaValidator(schema, what, trusted=True)
