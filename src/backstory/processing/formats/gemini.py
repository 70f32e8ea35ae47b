"""Contents of Google's Gemini API: `{"systemInstruction"?: content, "contents": [...]}`.

Names are those of its REST interface (`functionCall`). A content holds parts only: where it is
one text alone, the entry's content is text. The name of the tool, which a response repeats
here, is left out of the entry where its call says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from backstory.domain.intake import wrong
from backstory.domain.messages import Entry, Format, Losses, Rendered
from backstory.domain.parts import (
    OTHER,
    TOOL_CALL,
    TOOL_RESULT,
    Content,
    Part,
    as_list,
    bare_text,
)
from backstory.processing.formats.common import request, rest
from backstory.processing.formats.gemini_parts import NAME, VOCABULARY
from backstory.processing.formats.runs import Messages, is_one_run, joins, read_runs
from backstory.processing.formats.shapes import Json, as_array, as_object
from backstory.processing.formats.turns import (
    ASSISTANT,
    DEVELOPER,
    SYSTEM,
    TOOL,
    USER,
    Turn,
    entry,
    turns,
)

_MODEL = "model"
_SYSTEM = "systemInstruction"
_MEMBERS: Final = ("contents", _SYSTEM)
_ROLES = {_MODEL: ASSISTANT, "user": USER, "function": USER, None: USER}
_NOTED = "role"
_NO_PARTS = "no_parts"


def parse(raw: Any) -> list[Entry]:
    """The entries of `{"contents": [...], "systemInstruction"?: ...}`.

    Raises:
        SchemaError: it is not what the API takes; names the first wrong place.
    """
    payload = request(raw, _MEMBERS)
    found: list[Entry] = []
    if _SYSTEM in payload:
        content = as_object(payload[_SYSTEM], f"/{_SYSTEM}")
        parts, marks = _read_parts(content, SYSTEM, f"/{_SYSTEM}")
        members = rest(content, "parts")
        found.append(entry(SYSTEM, _shortened(parts), NAME, marks, members))
    for i, content in enumerate(as_array(payload["contents"], "/contents")):
        after_tool = bool(found) and found[-1]["role"] == TOOL
        found += _parse(content, f"/contents/{i}", after_tool=after_tool)
    _forget_names(found)
    return found


def _parse(raw: Any, pointer: str, *, after_tool: bool) -> list[Entry]:
    content = as_object(raw, pointer)
    said = content.get("role")
    if (
        ("role" in content and said is None)
        or not isinstance(said, str | None)
        or said not in _ROLES
    ):
        raise wrong(f"{pointer}/role", "must be user or model")
    role = _ROLES[said]
    parts, marks = _read_parts(content, role, pointer)
    if said not in {"user", _MODEL}:
        marks[_NOTED] = said
    members = rest(content, "role", "parts")
    if role == USER and not is_one_run(parts):
        runs = read_runs(parts, NAME, after_tool=after_tool, marks=marks, members=members)
        return [{**each, "content": _shortened(each["content"])} for each in runs]
    return [entry(role, _shortened(parts), NAME, marks, members)]


def _read_parts(content: Json, role: str, pointer: str) -> tuple[list[Part], Json]:
    if "parts" not in content:
        return [], {_NO_PARTS: True}
    parts = as_array(content["parts"], f"{pointer}/parts")
    return VOCABULARY[role].read_all(parts, f"{pointer}/parts"), {}


def _shortened(parts: list[Part]) -> Content:
    alone = bare_text(parts)
    return parts if alone is None else alone


def _forget_names(found: Sequence[Entry]) -> None:
    """Leaves out of each result the name that its call says."""
    called: dict[str, str] = {}
    for each in found:
        for part in each["content"] if isinstance(each["content"], list) else []:
            if part["type"] == TOOL_CALL and "id" in part:
                called[part["id"]] = part["name"]
            if part["type"] == TOOL_RESULT and _called(part, called) == part["name"]:
                del part["name"]


def _called(part: Part, called: Mapping[str, str]) -> str | None:
    return called.get(part["tool_call_id"]) if "tool_call_id" in part else None


def render(entries: Sequence[Mapping[str, Any]]) -> Rendered:
    """`{"systemInstruction"?: ..., "contents": [...]}` for the entries.

    Raises:
        SchemaError: an entry's content is not made of the parts we know.
    """
    losses = Losses()
    found = _with_names(turns(entries, NAME, losses), losses)
    system = [turn for turn in found if turn.role in {SYSTEM, DEVELOPER}]
    payload: Json = {}
    if system:
        payload[_SYSTEM] = _system(system, found, losses)
    messages = Messages()
    for turn in found:
        if turn.role in {SYSTEM, DEVELOPER}:
            continue
        content = _render(turn, joins(turn, messages.last), losses)
        if content is not None:
            messages.add(turn, content, "parts")
    return Rendered({**payload, "contents": messages.found}, tuple(losses.found))


def _with_names(found: Sequence[Turn], losses: Losses) -> list[Turn]:
    """Each result with the name of its tool, which this API asks for."""
    called: dict[str, str] = {}
    named: list[Turn] = []
    for turn in found:
        parts = turn.content if isinstance(turn.content, list) else []
        for part in parts:
            if turn.role == ASSISTANT and part["type"] == TOOL_CALL and "id" in part:
                called[part["id"]] = part["name"]
        if turn.role == TOOL and parts[0]["type"] == TOOL_RESULT:
            name = _called(parts[0], called)
            if name is not None and parts[0].get("name") == name:
                losses.changed(f"{turn.part_place(0)}/name", "is known from the call")
            named.append(replace(turn, content=[{"name": name, **parts[0]} if name else parts[0]]))
        else:
            named.append(turn)
    return named


def _system(system: Sequence[Turn], found: Sequence[Turn], losses: Losses) -> Json:
    for i, turn in enumerate(system):
        if i > 0 or found[0] is not turn:
            losses.changed(turn.pointer, "became part of the one system text before all else")
        if turn.role == DEVELOPER:
            losses.changed(f"{turn.pointer}/role", "became system")
    whole = [part for turn in system for part in _write_parts(turn, SYSTEM, losses)]
    first = system[0]
    members = rest(first.members, "parts")
    if not whole and first.marks.get(_NO_PARTS) is True:
        return members
    return {**members, "parts": whole}


def _write_parts(turn: Turn, role: str, losses: Losses) -> list[Json]:
    if isinstance(turn.content, list) and bare_text(turn.content) is not None:
        losses.changed(turn.place, "one text in a list becomes text")
    return VOCABULARY[role].write_all(as_list(turn.content), turn.place, losses, turn.first)


def _render(turn: Turn, joined: bool, losses: Losses) -> Json | None:
    role = USER if turn.role == TOOL else turn.role
    if turn.role == TOOL and as_list(turn.content)[0]["type"] == OTHER:
        losses.dropped(turn.part_place(0), "an entry of role tool holds a tool result")
        return None
    parts = _write_parts(turn, role, losses)
    if not parts and turn.content not in ([], ""):
        return None
    said: Any = _MODEL if role == ASSISTANT else "user"
    if (
        _NOTED in turn.marks
        and role == USER
        and not joined
        and turn.marks[_NOTED] in (None, "function")
    ):
        said = turn.marks[_NOTED]
    content = {**rest(turn.members, "role", "parts"), "role": said, "parts": parts}
    if said is None:
        del content["role"]
    if not parts and turn.marks.get(_NO_PARTS) is True:
        del content["parts"]
    return content


GEMINI: Final = Format(
    NAME,
    "Google Gemini",
    "application/vnd.backstory.gemini+json",
    _MEMBERS,
    parse,
    render,
)
