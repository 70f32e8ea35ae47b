"""Messages of Anthropic's API: `{"system"?: text or blocks, "messages": [...]}`.

The system text, which stands apart, is the first entry. A tool's results, which stand in a
message of the user, are entries of role `tool`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from backstory.domain.intake import wrong
from backstory.domain.messages import Entry, Format, Losses, Rendered
from backstory.domain.parts import (
    FILE,
    IMAGE,
    OTHER,
    REASONING,
    TEXT,
    TOOL_CALL,
    TOOL_RESULT,
    Content,
    as_list,
)
from backstory.processing.formats.common import (
    instead,
    plain_result,
    read_content,
    request,
    rest,
    write_content,
    write_object_arguments,
)
from backstory.processing.formats.runs import Messages, is_one_run, joins, read_runs
from backstory.processing.formats.shapes import Json, Pair, Shape, Vocabulary, as_array, as_object
from backstory.processing.formats.turns import (
    ASSISTANT,
    DEVELOPER,
    SYSTEM,
    TOOL,
    USER,
    Turn,
    entry,
    turns,
    with_ids,
)

NAME: Final = "anthropic"

_MEMBERS: Final = ("messages", "system")
_TYPE = ("type",)
_SOURCE = ("source", "type")
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_DOCUMENTS = frozenset({"application/pdf"})


def _is_in(value: Any, words: frozenset[str]) -> bool:
    return isinstance(value, str) and value in words


def _media(
    kind: str, theirs: str, media_types: frozenset[str], *optional: Pair
) -> tuple[Shape, ...]:
    tag = (_TYPE, theirs)
    media_type = Pair(
        ("source", "media_type"), ("source", "media_type"), accepts=lambda v: _is_in(v, media_types)
    )
    data = Pair(("source", "data"), ("source", "data"))
    return (
        Shape(
            kind,
            (media_type, data, *optional),
            (tag, (_SOURCE, "base64")),
            lambda raw: _is_in(raw["source"].get("media_type"), media_types),
        ),
        Shape(kind, (Pair(("url",), ("source", "url")), *optional), (tag, (_SOURCE, "url"))),
        Shape(
            kind,
            (Pair(("source", "file_id"), ("source", "file_id")), *optional),
            (tag, (_SOURCE, "file")),
        ),
    )


_TEXT = Shape(TEXT, (Pair(("text",), ("text",)),), ((_TYPE, "text"),))
_SEEN = (
    _TEXT,
    *_media(IMAGE, "image", _IMAGES),
    *_media(FILE, "document", _DOCUMENTS, Pair(("name",), ("title",), required=False)),
)
_TEXTS = Vocabulary(NAME, (_TEXT,), fallback=instead)
_RESULT_PARTS = Vocabulary(NAME, _SEEN, fallback=instead)


def _read_result(raw: Any, pointer: str) -> Content:
    return read_content(raw, pointer, _RESULT_PARTS)


def _write_result(content: Content, pointer: str, losses: Losses) -> Any:
    return write_content(content, pointer, _RESULT_PARTS, losses)


def _result(*content: Pair) -> Shape:
    return Shape(
        TOOL_RESULT,
        (
            Pair(("tool_call_id",), ("tool_use_id",)),
            Pair(("is_error",), ("is_error",), bool, required=False),
            *content,
        ),
        ((_TYPE, "tool_result"),),
        (lambda raw: isinstance(raw.get("content"), content[0].kind)) if content else None,
        suits=None if content else lambda part: "content" not in part,
    )


def _result_content(kind: type) -> Pair:
    return Pair(("content",), ("content",), kind, read=_read_result, write=_write_result)


_THOUGHT = (("provider", NAME),)
CONTENT: Final = {
    SYSTEM: _TEXTS,
    USER: Vocabulary(
        NAME,
        (*_SEEN, _result(_result_content(str)), _result(_result_content(list)), _result()),
        fallback=lambda part, pointer, losses: (
            plain_result(part, pointer, losses) or instead(part, pointer, losses)
        ),
    ),
    ASSISTANT: Vocabulary(
        NAME,
        (
            _TEXT,
            Shape(
                REASONING,
                (Pair(("text",), ("thinking",)), Pair(("signature",), ("signature",))),
                ((_TYPE, "thinking"),),
                const=_THOUGHT,
            ),
            Shape(
                REASONING,
                (Pair(("encrypted",), ("data",)),),
                ((_TYPE, "redacted_thinking"),),
                const=_THOUGHT,
            ),
            Shape(
                TOOL_CALL,
                (
                    Pair(("id",), ("id",)),
                    Pair(("name",), ("name",)),
                    Pair(
                        ("arguments",),
                        ("input",),
                        dict,
                        accepts=lambda v: isinstance(v, str | dict),
                        write=write_object_arguments,
                    ),
                ),
                ((_TYPE, "tool_use"),),
            ),
        ),
        fallback=instead,
    ),
}


def parse(raw: Any) -> list[Entry]:
    """The entries of `{"messages": [...], "system"?: ...}`.

    Raises:
        SchemaError: it is not what the API takes; names the first wrong place.
    """
    payload = request(raw, _MEMBERS)
    found: list[Entry] = []
    if "system" in payload:
        found.append(entry(SYSTEM, read_content(payload["system"], "/system", _TEXTS), NAME))
    for i, message in enumerate(as_array(payload["messages"], "/messages")):
        after_tool = bool(found) and found[-1]["role"] == TOOL
        first = not any(each["role"] != SYSTEM for each in found)
        found += _parse(message, f"/messages/{i}", after_tool=after_tool, first=first)
    return found


def _parse(raw: Any, pointer: str, *, after_tool: bool, first: bool) -> list[Entry]:
    message = as_object(raw, pointer)
    role = message.get("role")
    if not isinstance(role, str) or role not in CONTENT:
        raise wrong(f"{pointer}/role", "must be user, assistant or system")
    content = read_content(message.get("content"), f"{pointer}/content", CONTENT[role])
    members = rest(message, "role", "content")
    if role == USER and not is_one_run(content):
        parts = as_list(content)
        return list(read_runs(parts, NAME, after_tool=after_tool, marks={}, members=members))
    marks = {"message": True} if role == SYSTEM and first else {}
    return [entry(role, content, NAME, marks, members)]


def render(entries: Sequence[Mapping[str, Any]]) -> Rendered:
    """`{"system"?: ..., "messages": [...]}` for the entries.

    Raises:
        SchemaError: an entry's content is not made of the parts we know.
    """
    losses = Losses()
    found = [_known_role(t, losses) for t in with_ids(turns(entries, NAME, losses), losses)]
    leading = _leading(found)
    payload: Json = {}
    if leading:
        payload["system"] = _system(found[:leading], losses)
    messages = Messages()
    for turn in found[leading:]:
        message = _render(turn, joins(turn, messages.last), losses)
        if message is not None:
            messages.add(turn, message, "content")
    return Rendered({**payload, "messages": messages.found}, tuple(losses.found))


def _known_role(turn: Turn, losses: Losses) -> Turn:
    if turn.role != DEVELOPER:
        return turn
    losses.changed(f"{turn.pointer}/role", "became system")
    return replace(turn, role=SYSTEM)


def _leading(found: Sequence[Turn]) -> int:
    """How many turns the system text is made of."""
    for i, turn in enumerate(found):
        if turn.role != SYSTEM or turn.marks.get("message") is True:
            return i
    return len(found)


def _system(found: Sequence[Turn], losses: Losses) -> str | list[Json]:
    if len(found) == 1:
        return write_content(found[0].content, found[0].place, _TEXTS, losses)
    blocks: list[Json] = []
    for turn in found:
        losses.changed(turn.pointer, "became part of one system text")
        blocks += _TEXTS.write_all(as_list(turn.content), turn.place, losses)
    return blocks


def _render(turn: Turn, joined: bool, losses: Losses) -> Json | None:
    role = USER if turn.role == TOOL else turn.role
    if turn.role == TOOL and as_list(turn.content)[0]["type"] == OTHER:
        losses.dropped(turn.part_place(0), "an entry of role tool holds a tool result")
        return None
    given: Content = as_list(turn.content) if joined else turn.content
    content = write_content(given, turn.place, CONTENT[role], losses, turn.first)
    if not content and given:
        return None
    return {**rest(turn.members, "role", "content"), "role": role, "content": content}


ANTHROPIC: Final = Format(
    NAME,
    "Anthropic Messages",
    "application/vnd.backstory.anthropic+json",
    _MEMBERS,
    parse,
    render,
)
