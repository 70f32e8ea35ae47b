"""Messages of OpenAI's Chat Completions API: `{"messages": [...]}`.

One message is one entry. An assistant's text, refusal and tool calls, which stand apart in the
message, follow each other in the entry's parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backstory.domain.intake import wrong
from backstory.domain.messages import Entry, Format, Losses, Rendered
from backstory.domain.parts import (
    OTHER,
    REFUSAL,
    TOOL_CALL,
    Part,
    as_list,
    bare_text,
    text,
)
from backstory.processing.formats.chat_parts import CALLS, CONTENT, NAME, RESULTS
from backstory.processing.formats.common import (
    read_content,
    request,
    rest,
    write_content,
)
from backstory.processing.formats.shapes import (
    Json,
    as_array,
    as_object,
)
from backstory.processing.formats.turns import (
    ASSISTANT,
    TOOL,
    Turn,
    entry,
    turns,
    with_ids,
)

_MEMBERS: Final = ("messages",)
FUNCTION: Final = "function"


def parse(raw: Any) -> list[Entry]:
    """The entries of `{"messages": [...]}`.

    Raises:
        SchemaError: it is not what the API takes; names the first wrong place.
    """
    payload = request(raw, _MEMBERS)
    messages = as_array(payload["messages"], "/messages")
    return [_parse(message, f"/messages/{i}") for i, message in enumerate(messages)]


def _parse(raw: Any, pointer: str) -> Entry:
    message = as_object(raw, pointer)
    role = message.get("role")
    if role == TOOL:
        return entry(TOOL, [RESULTS.read(message, pointer)], NAME)
    if role == FUNCTION:
        return entry(TOOL, [{"type": OTHER, "provider": NAME, "value": message}], NAME)
    if role == ASSISTANT:
        return _parse_assistant(message, pointer)
    if not isinstance(role, str) or role not in CONTENT:
        raise wrong(
            f"{pointer}/role", "must be system, developer, user, assistant, tool or function"
        )
    content = read_content(message.get("content"), f"{pointer}/content", CONTENT[role])
    return entry(role, content, NAME, members=rest(message, "role", "content"))


def _parse_assistant(message: Json, pointer: str) -> Entry:
    raw = message.get("content")
    written = [] if raw is None else read_content(raw, f"{pointer}/content", CONTENT[ASSISTANT])
    members = rest(message, "role", "content")
    apart: list[Part] = []
    marks: Json = {}
    if isinstance(members.get("refusal"), str):
        apart.append({"type": REFUSAL, "text": members.pop("refusal")})
        marks["refusal"] = "message"
    if members.get("tool_calls"):
        calls = as_array(members.pop("tool_calls"), f"{pointer}/tool_calls")
        read = CALLS.read_all(calls, f"{pointer}/tool_calls")
        if any(part["type"] == OTHER for part in read):
            marks["calls"] = len(read)
        apart += read
    form = "absent" if "content" not in message else _form(raw)
    if not apart:
        marks |= {"content": form} if raw is None else {}
        return entry(ASSISTANT, written, NAME, marks, members)
    parts = [text(written)] if isinstance(written, str) else written
    if form != _usual_form(parts):
        marks["content"] = form
    return entry(ASSISTANT, parts + apart, NAME, marks, members)


def _form(raw: Any) -> str:
    return "null" if raw is None else "text" if isinstance(raw, str) else "list"


def _usual_form(parts: Sequence[Part]) -> str:
    """How content beside tool calls is written where nothing else was noted."""
    if not parts:
        return "null"
    return "text" if bare_text(parts) is not None else "list"


def render(entries: Sequence[Mapping[str, Any]]) -> Rendered:
    """`{"messages": [...]}` for the entries.

    Raises:
        SchemaError: an entry's content is not made of the parts we know.
    """
    losses = Losses()
    messages: list[Json] = []
    for turn in with_ids(turns(entries, NAME, losses), losses):
        message = _render(turn, losses)
        if message is not None:
            messages.append(message)
    return Rendered({"messages": messages}, tuple(losses.found))


def _render(turn: Turn, losses: Losses) -> Json | None:
    if turn.role == TOOL:
        return _render_tool(turn, losses)
    if turn.role == ASSISTANT and not isinstance(turn.content, str):
        return _render_assistant(turn, turn.content, losses)
    content = write_content(turn.content, turn.place, CONTENT[turn.role], losses, turn.first)
    if not content and turn.content:
        return None
    return {**_members(turn), "role": turn.role, "content": content}


def _members(turn: Turn) -> Json:
    """What was kept of the message, less what would be read as part of the content."""
    members = rest(turn.members, "role", "content")
    if turn.role == ASSISTANT and members.get("tool_calls"):
        del members["tool_calls"]
    if turn.role == ASSISTANT and isinstance(members.get("refusal"), str):
        del members["refusal"]
    return members


def _render_tool(turn: Turn, losses: Losses) -> Json | None:
    part = as_list(turn.content)[0]
    if part["type"] != OTHER:
        return RESULTS.write(part, turn.part_place(0), losses)
    value = part["value"]
    if part["provider"] == NAME and value.get("role") == FUNCTION:
        return dict(value)
    losses.dropped(turn.part_place(0), "only a message of role function stands here")
    return None


def _render_assistant(turn: Turn, parts: Sequence[Part], losses: Losses) -> Json | None:
    spoken: list[Json] = []
    calls: list[Json] = []
    refusal = _apart_refusal(turn, parts)
    noted = turn.marks.get("calls")
    first_call = len(parts) - noted if isinstance(noted, int) else len(parts)
    for i, part in enumerate(parts):
        if i == refusal:
            continue
        is_call = part["type"] == TOOL_CALL or (part["type"] == OTHER and i >= first_call)
        raw = (CALLS if is_call else CONTENT[ASSISTANT]).write(part, turn.part_place(i), losses)
        if raw is None:
            continue
        if calls and not is_call:
            losses.changed(turn.part_place(i), "stands before the tool calls")
        (calls if is_call else spoken).append(raw)
    message: Json = {**_members(turn), "role": ASSISTANT}
    form = turn.marks.get("content")
    alone = not calls and refusal is None
    if alone and not spoken and parts:
        return None
    if form != "absent" or spoken:
        message["content"] = _in_form(spoken, form, alone=alone)
    if refusal is not None:
        message["refusal"] = parts[refusal]["text"]
    if calls:
        message["tool_calls"] = calls
    return message


def _apart_refusal(turn: Turn, parts: Sequence[Part]) -> int | None:
    """The index of the refusal that stood beside the content: the last, and noted so."""
    if turn.marks.get("refusal") != "message":
        return None
    found = [
        i
        for i, part in enumerate(parts)
        if part.keys() == {"type", "text"} and part["type"] == REFUSAL
    ]
    return found[-1] if found else None


def _in_form(spoken: list[Json], form: Any, *, alone: bool) -> Any:
    if not spoken:
        return None if form in ("null", "absent") or (not alone and form != "list") else []
    bare = len(spoken) == 1 and spoken[0].keys() == {"type", "text"} and not alone
    return spoken[0]["text"] if bare and form != "list" else spoken


OPENAI_CHAT: Final = Format(
    NAME,
    "OpenAI Chat Completions",
    "application/vnd.backstory.openai+json",
    _MEMBERS,
    parse,
    render,
)
