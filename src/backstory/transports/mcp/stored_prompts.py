"""Contexts of kind `prompt`: what their state has to look like, and what becomes of it.

    {"description": "...",
     "arguments": [{"name": "topic", "description": "...", "required": true}],
     "messages": [{"role": "user", "content": "Tell me about {topic}."}]}

`content` is text, or a list of MCP content blocks of type text, image or audio. In texts,
`{topic}` stands for an argument that is declared; other braces stay as they are, and nothing
in a value is replaced again. An argument that is not given is an empty text.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from backstory import limits
from backstory.errors import SchemaError, Violation
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View

_READ_BYTES: Final = 64 * limits.KIB  # of a state; longer ones could not be answered anyway
_SHOWN_BYTES: Final = answers.BYTES // 8  # of one prompt in a list


class Argument(msgspec.Struct, frozen=True):
    """An argument that the messages may use."""

    name: str
    description: str | None = None
    required: bool = False

    def view(self) -> View:
        """As `prompts/list` shows it."""
        view: View = {"name": self.name, "required": self.required}
        return view if self.description is None else view | {"description": self.description}


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A text block."""

    text: str


class Image(msgspec.Struct, frozen=True, tag="image"):
    """An image block; `data` is base64."""

    data: str
    mimeType: str  # noqa: N815 - the protocol's own name


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    """An audio block; `data` is base64."""

    data: str
    mimeType: str  # noqa: N815 - the protocol's own name


class Message(msgspec.Struct, frozen=True):
    """One message, or several blocks of one role."""

    role: Literal["user", "assistant"]
    content: str | list[Text | Image | Audio]


class StoredPrompt(msgspec.Struct, frozen=True):
    """The state of a context of kind `prompt`."""

    messages: list[Message]
    description: str | None = None
    arguments: list[Argument] = []

    def render(self, given: dict[str, str]) -> list[View]:
        """The messages with arguments in their places.

        Raises:
            SchemaError: a required argument is missing, or one is not declared.
        """
        declared = {argument.name for argument in self.arguments}
        needed = {argument.name for argument in self.arguments if argument.required}
        if absent := sorted(needed - given.keys()):
            raise _wrong("/arguments", f"needed and not given: {', '.join(absent)}")
        if unknown := sorted(given.keys() - declared):
            raise _wrong("/arguments", f"not declared: {', '.join(unknown)}"[:500])
        values = dict.fromkeys(declared, "") | given
        return [
            {"role": message.role, "content": block}
            for message in self.messages
            for block in _blocks(message, values)
        ]


def parse(state: bytes) -> StoredPrompt:
    """The prompt that a state holds.

    Raises:
        SchemaError: it does not look like one; the detail says where.
    """
    if len(state) > _READ_BYTES:
        raise _wrong("/state", f"a prompt may have {_READ_BYTES} bytes; this one has {len(state)}")
    try:
        return _DECODER.decode(state)
    except msgspec.ValidationError as error:
        detail = str(error).replace("`", "")
        raise _wrong("/state", f"this context is no usable prompt: {detail}") from error


def definition(state: bytes) -> View:
    """What a list shows of a prompt, usable or not."""
    if len(state) > _READ_BYTES:
        return {"description": "This prompt is too long to be listed or used."}
    try:
        prompt = parse(state)
    except SchemaError as error:
        return {"description": error.detail[:500]}
    view: View = {"arguments": [argument.view() for argument in prompt.arguments]}
    if prompt.description is not None:
        view["description"] = prompt.description
    if answers.weigh(view) > _SHOWN_BYTES:
        return {"description": "This prompt's description and arguments are too long to be listed."}
    return view


def _blocks(message: Message, values: dict[str, str]) -> list[View]:
    if isinstance(message.content, str):
        return [{"type": "text", "text": _fill(message.content, values)}]
    return [_block(block, values) for block in message.content]


def _block(block: Text | Image | Audio, values: dict[str, str]) -> View:
    view: dict[str, Any] = msgspec.to_builtins(block)
    if isinstance(block, Text):
        view["text"] = _fill(block.text, values)
    return view


def _fill(text: str, values: dict[str, str]) -> str:
    if not values:
        return text
    names = "|".join(map(re.escape, values))
    return re.sub(r"\{(" + names + r")\}", lambda found: values[found[1]], text)


def _wrong(pointer: str, detail: str) -> SchemaError:
    return SchemaError(detail, errors=(Violation(pointer, detail),))


_DECODER: Final = msgspec.json.Decoder(StoredPrompt)
