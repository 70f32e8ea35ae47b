"""Items of OpenAI's Responses API: `{"input": [...], "instructions"?}`.

Reasoning, a message and calls that follow each other are one turn of the assistant and so one
entry, as in the other formats; a call's output is an entry of role `tool`. Items that only
this API knows (searches, shells, references) are entries of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from backstory.domain.intake import wrong
from backstory.domain.messages import Entry, Format, Losses, Rendered
from backstory.domain.parts import OTHER, REASONING, TOOL_CALL, Part, bare_text, text
from backstory.processing.formats.common import (
    read_content,
    request,
    rest,
    text_only,
    write_content,
)
from backstory.processing.formats.responses_items import CALLS, CONTENT, NAME, OUTPUTS, THOUGHTS
from backstory.processing.formats.shapes import Json, as_array, as_object, foreign_extra
from backstory.processing.formats.turns import (
    ASSISTANT,
    SYSTEM,
    TOOL,
    USER,
    Turn,
    entry,
    turns,
    with_ids,
)

_MEMBERS: Final = ("input", "instructions")
_CALLS = frozenset({"function_call", "custom_tool_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_KNOWN = _CALLS | _OUTPUTS | {"message", "reasoning"}


def _type(item: Json) -> Any:
    """The type of an item; a message may come without one, and so may a reference."""
    return item.get("type", "message" if "role" in item else None)


def _kind(item: Json) -> str:
    """What an item does to the turn: `thought`, `speech`, `call`, or nothing with it."""
    if _type(item) == "reasoning":
        return "thought"
    if _type(item) in _CALLS:
        return "call"
    speaks = _type(item) == "message" and item.get("role") == ASSISTANT
    return "speech" if speaks and item.get("content") != [] else "apart"


def _joins(kinds: Sequence[str], kind: str) -> bool:
    """Whether an item belongs to the turn that items of these kinds have begun."""
    if not kinds or "apart" in kinds or kind == "apart":
        return False
    return kind == "call" or set(kinds) == {"thought"}


def _grouped(items: Sequence[Json]) -> list[list[int]]:
    """The indexes of the items of each turn."""
    groups: list[list[int]] = []
    kinds: list[str] = []
    for i, item in enumerate(items):
        kind = _kind(item)
        if _joins(kinds, kind):
            groups[-1].append(i)
            kinds.append(kind)
        else:
            groups.append([i])
            kinds = [kind]
    return groups


def parse(raw: Any) -> list[Entry]:
    """The entries of `{"input": text or items, "instructions"?: text}`.

    Raises:
        SchemaError: it is not what the API takes; names the first wrong place.
    """
    payload = request(raw, _MEMBERS)
    found: list[Entry] = []
    if "instructions" in payload:
        if not isinstance(payload["instructions"], str):
            raise wrong("/instructions", "must be text")
        found.append(entry(SYSTEM, payload["instructions"], NAME, {"instructions": True}))
    if isinstance(payload["input"], str):
        return [*found, entry(USER, payload["input"], NAME, {"input": "text"})]
    raw_items = as_array(payload["input"], "/input")
    items = [_item(item, f"/input/{i}") for i, item in enumerate(raw_items)]
    groups = ([(f"/input/{i}", items[i]) for i in group] for group in _grouped(items))
    return found + [_parse_group(group) for group in groups]


def _item(raw: Any, pointer: str) -> Json:
    item = as_object(raw, pointer)
    typed = item.get("type")
    if not isinstance(typed, str) and (typed is not None or {"type", "role"} <= item.keys()):
        raise wrong(f"{pointer}/type", "must be text")
    return item


def _parse_group(group: Sequence[tuple[str, Json]]) -> Entry:
    (pointer, item), *more = group
    kind = _type(item)
    if kind not in _KNOWN:
        other = {"type": OTHER, "provider": NAME, "value": item}
        return entry(_role_of(item), [other], NAME, {"item": True})
    if kind in _OUTPUTS:
        return entry(TOOL, [OUTPUTS.read(item, pointer)], NAME)
    if kind == "message" and not more:
        return _parse_message(item, pointer)
    return _parse_turn(group)


def _role_of(item: Json) -> str:
    """Who speaks in an item of its own kind: whom it names, a tool its output, else the model."""
    role = item.get("role")
    if isinstance(role, str) and role in CONTENT:
        return role
    return TOOL if str(_type(item)).endswith("_output") else ASSISTANT


def _parse_message(item: Json, pointer: str) -> Entry:
    role = item.get("role")
    if not isinstance(role, str) or role not in CONTENT:
        raise wrong(f"{pointer}/role", "must be system, developer, user or assistant")
    content = read_content(item.get("content"), f"{pointer}/content", CONTENT[role])
    marks = {} if "type" in item else {"untyped": True}
    return entry(role, content, NAME, marks, rest(item, "type", "role", "content"))


def _parse_turn(group: Sequence[tuple[str, Json]]) -> Entry:
    parts: list[Part] = []
    noted: Json = {}
    for pointer, item in group:
        kind = _kind(item)
        if kind == "thought":
            parts.append(THOUGHTS.read(item, pointer))
        elif kind == "call":
            parts.append(CALLS.read(item, pointer))
        else:
            message = _parse_message(item, pointer)
            noted = message.get("metadata", {}).get(NAME, {})
            content = message["content"]
            if isinstance(content, list) and bare_text(content) is not None:
                noted["content"] = "list"
            parts += [text(content)] if isinstance(content, str) else content
    marks = rest(noted, "members")
    return entry(ASSISTANT, parts, NAME, marks, noted.get("members"))


@dataclass(frozen=True, slots=True)
class _Item:
    """An item with the place it came from, to see whether it would be read back there."""

    raw: Json
    pointer: str


def render(entries: Sequence[Mapping[str, Any]]) -> Rendered:
    """`{"input": [...]}` for the entries, with `instructions` where they came so.

    Raises:
        SchemaError: an entry's content is not made of the parts we know.
    """
    losses = Losses()
    found = with_ids(turns(entries, NAME, losses), losses)
    payload: Json = {}
    if found and found[0].role == SYSTEM and found[0].marks.get("instructions") is True:
        payload["instructions"] = text_only(found[0].content, found[0].place, losses)
        found = found[1:]
    if len(found) == 1 and found[0].marks.get("input") == "text" and found[0].role == USER:
        payload["input"] = text_only(found[0].content, found[0].place, losses)
    else:
        items = [item for turn in found for item in _render(turn, losses)]
        payload["input"] = [item.raw for item in items]
        _note_regrouped(items, losses)
    return Rendered(payload, tuple(losses.found))


def _note_regrouped(items: Sequence[_Item], losses: Losses) -> None:
    groups = _grouped([item.raw for item in items])
    begun: set[str] = set()
    for group in groups:
        pointers = list(dict.fromkeys(items[i].pointer for i in group))
        if len(pointers) > 1 or pointers[0] in begun:
            losses.changed(pointers[-1], "would be read back as another turn of the assistant")
        begun.update(pointers)


def _render(turn: Turn, losses: Losses) -> list[_Item]:
    parts = turn.content if isinstance(turn.content, list) else []
    noted = turn.marks.get("item") is True or turn.role == TOOL
    if noted and any(part["type"] == OTHER for part in parts):
        return _render_item(turn, parts, losses)
    if turn.role == TOOL:
        raw = OUTPUTS.write(parts[0], turn.part_place(0), losses)
        return [] if raw is None else [_Item(raw, turn.pointer)]
    if turn.role == ASSISTANT and isinstance(turn.content, list):
        return _render_turn(turn, turn.content, losses)
    return _render_message(turn, losses)


def _render_item(turn: Turn, parts: Sequence[Part], losses: Losses) -> list[_Item]:
    """Items word for word; none that could speak in a role that the entry does not have."""
    found = []
    for i, part in enumerate(parts):
        value = part.get("value", {})
        ours = part["type"] == OTHER and part["provider"] == NAME
        known = isinstance(_type(value), str) and _type(value) in _KNOWN
        if ours and not known and _role_of(value) == turn.role:
            foreign_extra(part, NAME, turn.part_place(i), losses, own=False)
            found.append(_Item(value, turn.pointer))
        else:
            losses.dropped(turn.part_place(i), "no item of a kind of its own")
    return found


def _render_message(turn: Turn, losses: Losses) -> list[_Item]:
    content = write_content(turn.content, turn.place, CONTENT[turn.role], losses, turn.first)
    if not content and turn.content:
        return []
    typed = {} if turn.marks.get("untyped") is True else {"type": "message"}
    members = rest(turn.members, "type", "role", "content")
    return [_Item({**typed, **members, "role": turn.role, "content": content}, turn.pointer)]


def _render_turn(turn: Turn, parts: Sequence[Part], losses: Losses) -> list[_Item]:
    items: list[_Item] = []
    speech: list[Part] = []
    mixed = any(part["type"] in {REASONING, TOOL_CALL} for part in parts)
    told = turn

    def speak(end: int) -> None:
        nonlocal told
        if speech or not mixed:
            run = replace(told, content=list(speech), first=end - len(speech))
            items.extend(_in_form(_render_message(run, losses), turn, run, mixed=mixed))
            told = replace(turn, marks={}, members={})
            speech.clear()

    for i, part in enumerate(parts):
        if part["type"] not in {REASONING, TOOL_CALL}:
            speech.append(part)
            continue
        if speech:
            speak(i)
        vocabulary = THOUGHTS if part["type"] == REASONING else CALLS
        raw = vocabulary.write(part, turn.part_place(i), losses)
        if raw is not None:
            items.append(_Item(raw, turn.pointer))
    speak(len(parts))
    return items


def _in_form(items: list[_Item], turn: Turn, run: Turn, *, mixed: bool) -> list[_Item]:
    """One text beside other items is written as text, unless it was noted as a list."""
    alone = bare_text(run.content) if isinstance(run.content, list) else None
    if not mixed or alone is None or turn.marks.get("content") == "list":
        return items
    return [_Item({**item.raw, "content": alone}, item.pointer) for item in items]


OPENAI_RESPONSES: Final = Format(
    NAME,
    "OpenAI Responses",
    "application/vnd.backstory.openai-responses+json",
    _MEMBERS,
    parse,
    render,
)
