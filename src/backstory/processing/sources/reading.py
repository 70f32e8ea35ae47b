"""What the formats share: walking over values, looking into them, and typed parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

import orjson

from backstory.domain import strict_json
from backstory.errors import BackstoryError, MalformedError
from backstory.processing.conversations import Bad, Conversation, Item, Raw, content_id
from backstory.processing.sources.files import Value

Values = Iterator[Value | Bad]
ROLE_TOOL: Final = "tool"


def each(items: Values, parse: Callable[[Value], Iterable[Conversation]]) -> Iterator[Item]:
    """What a function makes of each value; its errors are told with the value's place."""
    for item in items:
        if isinstance(item, Bad):
            yield item
            continue
        try:
            yield from parse(item)
        except BackstoryError as error:
            yield Bad(item.place, error.detail)


def an_object(value: Any, what: str) -> Raw:
    """The value, where it is an object.

    Raises:
        MalformedError: it is none.
    """
    if not isinstance(value, dict):
        raise MalformedError(f"{what} must be an object")
    return value


def a_list(value: Any, what: str) -> list[Any]:
    """The value, where it is a list.

    Raises:
        MalformedError: it is none.
    """
    if not isinstance(value, list):
        raise MalformedError(f"{what} must be a list")
    return value


def a_text(value: Any, what: str) -> str:
    """The value, where it is text that is not empty.

    Raises:
        MalformedError: it is none.
    """
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{what} must be text")
    return value


def without(value: Mapping[str, Any], *names: str) -> Raw:
    """What is left of an object: everything but some members, and those that say nothing."""
    return {
        name: item
        for name, item in value.items()
        if name not in names and item is not None and item not in ("", [], {})
    }


def identity(value: Value) -> str:
    """An id for a conversation that has none: the file's name where it is all of the file."""
    return PurePath(value.place.file).stem if value.alone else content_id(value.raw)


def entry(role: Any, content: Any, metadata: Mapping[str, Any] | None = None, **more: Any) -> Raw:
    """A raw entry, without members that say nothing."""
    raw = {"role": role, "content": content, **more}
    return raw | {"metadata": dict(metadata)} if metadata else raw


def text_part(text: str) -> Raw:
    return {"type": "text", "text": text}


def typed(kind: Any, members: Mapping[str, Any]) -> Raw:
    """A part of a provider's own type; one of text has its text, even where that says nothing."""
    return {"type": kind} | ({"text": ""} if kind == "text" else {}) | dict(members)


def tool_call(call_id: Any, name: Any, arguments: Any) -> Raw:
    """A call as a typed part; arguments written as text become an object where they are one."""
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": _parsed(arguments)}


def tool_result(call_id: Any, content: Any, name: Any = None) -> Raw:
    """A result as a typed part; what is neither text nor a list of parts is kept as JSON."""
    part = {"type": "tool_result", "tool_call_id": call_id}
    if isinstance(name, str):
        part["name"] = name
    return part | {"content": _content(content)}


def compact(arguments: Any) -> Any:
    """Arguments in a text as compact JSON, where that loses nothing; an absent one as `{}`."""
    parsed = _parsed(arguments)
    return json_text(parsed) if isinstance(parsed, dict) else parsed


def _parsed(arguments: Any) -> Any:
    """An object, where text spells one without anything being lost."""
    if not isinstance(arguments, str):
        return {} if arguments is None else arguments
    try:
        # Models repeat members; where the values agree, the object says all of it.
        agreed = json.loads(arguments, object_pairs_hook=_agreeing)
        value = strict_json.loads(json.dumps(agreed).encode())
    except (BackstoryError, ValueError, RecursionError):
        return arguments
    return value if isinstance(value, dict) else arguments


def _agreeing(pairs: list[tuple[str, Any]]) -> Raw:
    members = dict(pairs)
    if any(members[name] != value for name, value in pairs):
        raise ValueError("two members of one name differ")
    return members


def _content(content: Any) -> Any:
    if content is None:
        return ""
    if isinstance(content, str) or is_parts(content):
        return content
    return json_text(content)


def json_text(value: Any) -> str:
    """Compact JSON, which is how models are told of results that are no text."""
    return orjson.dumps(value).decode()


def is_parts(content: Any) -> bool:
    """Whether something is a list of typed parts."""
    return isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("type"), str) for part in content
    )
