"""What several formats share: text and its forms, tool arguments, and parts offered instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from backstory.domain.intake import escape, wrong
from backstory.domain.messages import Losses
from backstory.domain.parts import (
    REFUSAL,
    TOOL_CALL,
    TOOL_RESULT,
    Content,
    Part,
    as_list,
    data_url,
    read_arguments,
    to_data_url,
    write_arguments,
)
from backstory.processing.formats.shapes import Json, Pair, Vocabulary, as_object, get


def request(raw: Any, names: tuple[str, ...]) -> Json:
    """The part of a request that holds the conversation.

    Raises:
        SchemaError: it is no object, the first of `names` is missing, or a member is none of
            them: what says how a model is called (its name, tools) is no conversation.
    """
    payload = as_object(raw, "")
    if names[0] not in payload:
        raise wrong(f"/{names[0]}", "is missing")
    for name in payload:
        if name not in names:
            raise wrong(
                f"/{escape(name)}", f"no part of a conversation; there are {', '.join(names)}"
            )
    return payload


def read_content(raw: Any, pointer: str, vocabulary: Vocabulary) -> Content:
    """Text as it is, a list of parts as ours.

    Raises:
        SchemaError: neither.
    """
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, list):
        raise wrong(pointer, "must be text or a list of parts")
    return vocabulary.read_all(raw, pointer)


def write_content(
    content: Content, pointer: str, vocabulary: Vocabulary, losses: Losses, first: int = 0
) -> str | list[Json]:
    """Text as it is, our parts as the provider's."""
    if isinstance(content, str):
        return content
    return vocabulary.write_all(content, pointer, losses, first)


def rest(raw: Mapping[str, Any], *known: str) -> Json:
    """The members without those that are known."""
    return {name: value for name, value in raw.items() if name not in known}


def write_text_arguments(value: Any, _pointer: str, _losses: Losses) -> str:
    """Arguments for a provider that takes them as JSON in a text."""
    return write_arguments(value)


def data_pair(*theirs: str) -> Pair:
    """Data that a provider takes as a `data:` URL at this path, and we as a source."""
    return Pair(
        ("source",),
        theirs,
        accepts=lambda source: isinstance(source, dict) and "data" in source,
        read=lambda url, _pointer: data_url(url),
        write=lambda source, _pointer, _losses: to_data_url(source),
    )


def has_data(*path: str) -> Callable[[Json], bool]:
    """Whether a base64 `data:` URL stands at this path."""
    return lambda raw: isinstance(url := get(raw, path), str) and data_url(url) is not None


def read_text_arguments(value: str, _pointer: str) -> dict[str, Any] | str:
    """Arguments from a provider that gives them as JSON in a text."""
    return read_arguments(value)


def write_object_arguments(value: Any, pointer: str, losses: Losses) -> Json:
    """Arguments for a provider that takes an object; text that spells none is wrapped in one."""
    if isinstance(value, dict):
        return value
    losses.changed(pointer, "arguments in text became an object")
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"input": value}


def instead(part: Part, pointer: str, losses: Losses) -> Part | None:
    """A part near to one that has no shape: refusals as text, absent arguments as none."""
    if part["type"] == REFUSAL:
        losses.changed(pointer, "a refusal became text")
        return {**part, "type": "text"}
    if part["type"] == TOOL_CALL and "arguments" not in part:
        losses.changed(pointer, "a call without arguments got an empty object")
        return {**part, "arguments": {}}
    return None


def plain_result(part: Part, pointer: str, losses: Losses) -> Part | None:
    """A tool result whose content is text or parts, for providers that know no other."""
    content = part.get("content")
    if part["type"] != TOOL_RESULT or isinstance(content, str | list):
        return None
    losses.changed(f"{pointer}/content", "became text")
    return {**part, "content": "" if content is None else orjson.dumps(content).decode()}


def text_only(content: Content, pointer: str, losses: Losses) -> str:
    """The texts of a content, one a line; anything else in it is lost."""
    lines = []
    for i, part in enumerate(as_list(content)):
        if part["type"] == "text":
            lines.append(part["text"])
        else:
            losses.dropped(f"{pointer}/{i}", "only text has a place here")
    return "\n".join(lines)
