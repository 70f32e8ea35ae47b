"""What a package may add to MCP: tools, resources, templates and prompts.

A package names a maker in its metadata, which takes nothing and gives one `Extension`::

    [project.entry-points."backstory.mcp"]
    shop = "my_package.mcp:make"

What we serve ourselves is made of the same values, so all of it goes one way. A handler is
given a `Call` and acts as the caller: it can read and write what the caller can, no more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from backstory import limits
from backstory.contexts.service import Contexts
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.asks import InputRequired
from backstory.transports.mcp.blocks import Block, Contents
from backstory.transports.mcp.calls import Call

ANYTHING: Final[Mapping[str, Any]] = {"type": "object"}
"""The schema of arguments that nobody looks at."""


Shown = Callable[[Principal, Contexts], Awaitable[bool]]
"""Whether a caller is shown something, beside what its rights say."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answers, in parts; `structured` fits the tool's output schema, if it has one.

    `meta` is for the client and not for its model (`_meta`).
    """

    content: Sequence[Block] = ()
    structured: Mapping[str, Any] | None = None
    error: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)


ToolAnswer = ToolResult | InputRequired | Mapping[str, Any] | str
"""A text is one text block; a mapping is structured, with the same JSON as text."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. `verb` is what a caller must be able to do somewhere, or in `namespace`.

    Arguments that do not fit `input_schema` (JSON Schema 2020-12) never reach the handler.
    What takes longer than `seconds` ends as an error; the user's time does not count.
    """

    name: str
    description: str
    handler: Callable[[Call], Awaitable[ToolAnswer]]
    input_schema: Mapping[str, Any] = field(default_factory=lambda: ANYTHING)
    output_schema: Mapping[str, Any] | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None
    verb: Verb = Verb.READ
    namespace: str | None = None
    shown: Shown | None = None
    seconds: float | None = limits.REQUEST_SECONDS
    meta: Mapping[str, Any] = field(default_factory=dict)

    def definition(self) -> View:
        """As `tools/list` shows it."""
        view: View = {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.input_schema,
        }
        if self.title is not None:
            view["title"] = self.title
        if self.output_schema is not None:
            view["outputSchema"] = self.output_schema
        if self.annotations:
            view["annotations"] = self.annotations
        return view | ({"_meta": self.meta} if self.meta else {})


Complete = Callable[[Call, str], Awaitable[Sequence[str]]]
"""Values that begin with what was typed; `call.arguments` holds what is filled in already."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a prompt; always text."""

    name: str
    description: str | None = None
    required: bool = False
    complete: Complete | None = None

    def view(self) -> View:
        """As `prompts/list` shows it."""
        view: View = {"name": self.name, "required": self.required}
        return view if self.description is None else view | {"description": self.description}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Literal["user", "assistant"]
    content: Block

    def view(self) -> View:
        return {"role": self.role, "content": self.content.view()}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt. A name has no `/`: such names are those of stored prompts."""

    name: str
    description: str
    handler: Callable[[Call], Awaitable[Sequence[Message] | InputRequired]]
    arguments: Sequence[Argument] = ()
    verb: Verb = Verb.READ
    namespace: str | None = None
    shown: Shown | None = None
    seconds: float | None = limits.REQUEST_SECONDS

    def definition(self) -> View:
        """As `prompts/list` shows it."""
        arguments = [argument.view() for argument in self.arguments]
        return {"name": self.name, "description": self.description, "arguments": arguments}


ReadAnswer = Contents | Sequence[Contents] | InputRequired


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource at one URI.

    Who subscribed to it is told when anything in `follows` changes, a namespace or one with
    all below (`shop.*`), as long as they may read there.
    """

    uri: str
    name: str
    description: str
    handler: Callable[[Call], Awaitable[ReadAnswer]]
    mime_type: str = "application/json"
    verb: Verb = Verb.READ
    namespace: str | None = None
    shown: Shown | None = None
    follows: str | None = None
    seconds: float | None = limits.REQUEST_SECONDS

    def definition(self) -> View:
        """As `resources/list` shows it."""
        return {
            "uri": self.uri,
            "name": self.name,
            "description": self.description,
            "mimeType": self.mime_type,
        }


@dataclass(frozen=True, slots=True)
class Template:
    """Resources at URIs that fit a template (RFC 6570), such as `shop://{id}/stock`.

    `namespace` and `follows` may name its variables: `shop.{id}`.
    """

    uri: str
    name: str
    description: str
    handler: Callable[[Call], Awaitable[ReadAnswer]]
    mime_type: str = "application/json"
    complete: Mapping[str, Complete] = field(default_factory=dict)
    verb: Verb = Verb.READ
    namespace: str | None = None
    shown: Shown | None = None
    follows: str | None = None
    seconds: float | None = limits.REQUEST_SECONDS

    def definition(self) -> View:
        """As `resources/templates/list` shows it."""
        return {
            "uriTemplate": self.uri,
            "name": self.name,
            "description": self.description,
            "mimeType": self.mime_type,
        }


Item = Tool | Prompt | Resource | Template


@dataclass(frozen=True, slots=True)
class Extension:
    """All that one package adds.

    Lists may depend on the caller and on what is stored (`shown`). `tools_follow`,
    `prompts_follow` and `resources_follow` name the namespaces (`shop.*`) that they depend on:
    when something changes there, clients that may read it are told to list anew, on any node.
    """

    tools: Sequence[Tool] = ()
    resources: Sequence[Resource] = ()
    templates: Sequence[Template] = ()
    prompts: Sequence[Prompt] = ()
    tools_follow: str | None = None
    prompts_follow: str | None = None
    resources_follow: str | None = None
