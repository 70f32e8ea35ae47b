"""Contexts of kind `prompt` as MCP shows them; what they are says `domain.prompts`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from backstory import limits
from backstory.domain.prompts import Argument, Image, Message, Prompt, Text, filled, parse
from backstory.errors import SchemaError
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View

_SHOWN_BYTES: Final = answers.BYTES // 8  # of one prompt in a list


def messages(prompt: Prompt, given: dict[str, str]) -> list[View]:
    """The messages with arguments in their places.

    Raises:
        SchemaError: as `Prompt.values`.
    """
    values = prompt.values(given)
    return [
        {"role": message.role, "content": block}
        for message in prompt.messages
        for block in _blocks(message, values)
    ]


def definition(state: bytes) -> View:
    """What a list shows of a prompt, usable or not."""
    if len(state) > limits.PROMPT_BYTES:
        return {"description": "This prompt is too long to be listed or used."}
    try:
        prompt = parse(state)
    except SchemaError as error:
        return {"description": error.detail[:500]}
    view: View = {"arguments": [_argument(argument) for argument in prompt.arguments]}
    if prompt.description is not None:
        view["description"] = prompt.description
    if answers.weigh(view) > _SHOWN_BYTES:
        return {"description": "This prompt's description and arguments are too long to be listed."}
    return view


def completed(state: bytes, argument: str, typed: str) -> list[str]:
    """The values of an argument that begin with what was typed."""
    try:
        prompt = parse(state)
    except SchemaError:
        return []
    offered = [
        value for each in prompt.arguments if each.name == argument for value in each.offered
    ]
    return [value for value in offered if value.startswith(typed)]


def _argument(argument: Argument) -> View:
    """As `prompts/list` shows it; MCP knows no types, so the description tells of them."""
    about = [] if argument.description is None else [argument.description]
    if argument.type != "string":
        about.append(f"({argument.type})")
    view: View = {"name": argument.name, "required": argument.required}
    return view | {"description": " ".join(about)} if about else view


def _blocks(message: Message, values: dict[str, str]) -> list[View]:
    if isinstance(message.content, str):
        return [{"type": "text", "text": filled(message.content, values)}]
    return [_block(block, values) for block in message.content]


def _block(block: Text | Image | Any, values: dict[str, str]) -> View:
    view: View = msgspec.to_builtins(block)
    if isinstance(block, Text):
        view["text"] = filled(block.text, values)
    return view
