"""Prompts: what the state of a context of kind `prompt` says, and what becomes of it.

    {"description": "...",
     "arguments": [{"name": "topic", "description": "...", "required": true,
                    "type": "string", "values": ["tea", "coffee"]}],
     "messages": [{"role": "user", "content": "Tell me about {topic}."}]}

`content` is text, or a list of blocks of type text, image or audio, as MCP has them. In texts,
`{topic}` stands for an argument that is declared; other braces stay as they are, and nothing
in a value is replaced again. An argument that is not given is an empty text. A value has to
be of the argument's type, and one of its `values` where there are any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from backstory import limits
from backstory.domain.intake import escape
from backstory.domain.keys import shorten
from backstory.errors import SchemaError, Violation

Value = str | int | float | bool


class Argument(msgspec.Struct, frozen=True):
    """An argument that the messages may use."""

    name: str
    description: str | None = None
    required: bool = False
    type: Literal["string", "integer", "number", "boolean"] = "string"
    values: list[str] = []

    @property
    def offered(self) -> list[str]:
        """The values that it may have, as far as they can be named."""
        return ["true", "false"] if self.type == "boolean" and not self.values else self.values

    def text(self, value: Value) -> str:
        """The value as it stands in a text; numbers may come as the text of one.

        Raises:
            ValueError: it may not have this value; the rest of a sentence says why.
        """
        text = _spelled(self.type, value)
        if text is None:
            raise ValueError(f"must be {_WORDS[self.type]}, not {shorten(str(value))}")
        if self.values and text not in self.values:
            raise ValueError(f"must be one of {', '.join(self.values)[:500]}")
        return text


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A text block."""

    text: str


class Image(msgspec.Struct, frozen=True, tag="image"):
    """An image block; `data` is base64."""

    data: str
    mimeType: str  # noqa: N815 - MCP's own name


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    """An audio block; `data` is base64."""

    data: str
    mimeType: str  # noqa: N815 - MCP's own name


class Message(msgspec.Struct, frozen=True):
    """One message, or several blocks of one role."""

    role: Literal["user", "assistant"]
    content: str | list[Text | Image | Audio]


class Prompt(msgspec.Struct, frozen=True):
    """The state of a context of kind `prompt`."""

    messages: list[Message]
    description: str | None = None
    arguments: list[Argument] = []

    def values(self, given: Mapping[str, Value], pointer: str = "/arguments") -> dict[str, str]:
        """The text of each argument, an empty one where it is not given.

        Raises:
            SchemaError: a required argument is missing, one is not declared, or a value is not
                what its argument takes; each is named.
        """
        declared = {argument.name: argument for argument in self.arguments}
        absent = sorted(
            name for name, each in declared.items() if each.required and name not in given
        )
        if absent:
            raise _wrong(pointer, f"needed and not given: {', '.join(absent)}", absent)
        if unknown := sorted(given.keys() - declared):
            raise _wrong(pointer, f"not declared: {', '.join(unknown)}"[:500], unknown)
        values = dict.fromkeys(declared, "")
        for name, value in given.items():
            try:
                values[name] = declared[name].text(value)
            except ValueError as error:
                raise _wrong(pointer, f"{name} {error}", [name]) from error
        return values

    @property
    def texts(self) -> list[str]:
        """The texts of all messages, with arguments as they are written."""
        return [
            text
            for message in self.messages
            for text in (
                [message.content]
                if isinstance(message.content, str)
                else [block.text for block in message.content if isinstance(block, Text)]
            )
        ]


def parse(state: bytes) -> Prompt:
    """The prompt that a state holds.

    Raises:
        SchemaError: it does not look like one; the detail says where.
    """
    if len(state) > limits.PROMPT_BYTES:
        detail = f"a prompt may have {limits.PROMPT_BYTES} bytes; this one has {len(state)}"
        raise SchemaError(detail, errors=(Violation("/state", detail),))
    try:
        return _DECODER.decode(state)
    except msgspec.ValidationError as error:
        wrong = str(error).replace("`", "")
        detail = f"this context is no usable prompt: {wrong}"
        raise SchemaError(detail, errors=(Violation("/state", detail),)) from error


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with values in the places of their arguments."""
    if not values:
        return text
    names = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    return re.sub(r"\{(" + names + r")\}", lambda found: values[found[1]], text)


def _spelled(kind: str, value: Value) -> str | None:
    """The value in its argument's own spelling; None where it is of another type."""
    if kind == "string":
        return value if isinstance(value, str) else None
    text = value.strip() if isinstance(value, str) else _json(value)
    return text if _FORMS[kind].fullmatch(text) else None


def _json(value: Value) -> str:
    return msgspec.json.encode(value).decode()


def _wrong(pointer: str, detail: str, names: list[str]) -> SchemaError:
    violations = tuple(Violation(f"{pointer}/{escape(name[:200])}", detail) for name in names[:20])
    return SchemaError(f"{pointer}: {detail}", errors=violations)


_FORMS: Final = {
    "integer": re.compile(r"-?[0-9]{1,18}", re.ASCII),
    "number": re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", re.ASCII),
    "boolean": re.compile(r"true|false"),
}
_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_DECODER: Final = msgspec.json.Decoder(Prompt)
