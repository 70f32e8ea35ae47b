"""The data export of ChatGPT: `conversations.json`, each conversation a tree of messages.

A tree grows a branch with each edit and each second answer. What was on the screen last is
the path from `current_node` up to the root; the other branches are only counted.
"""

from __future__ import annotations

from typing import Any, Final

from backstory import clock
from backstory.domain.parts import EXTRA, OTHER, TEXT, Part
from backstory.errors import MalformedError
from backstory.processing.conversations import Conversation, Place, Raw, make
from backstory.processing.sources.reading import (
    ROLE_TOOL,
    a_text,
    an_object,
    entry,
    text_part,
    tool_call,
    tool_result,
    without,
)

FORMAT: Final = "chatgpt"
_TIMES: Final = ("create_time", "update_time")
_EVERYBODY: Final = "all"


def conversation(place: Place, export: Raw) -> Conversation:
    """The conversation on the current path of one exported tree.

    Raises:
        MalformedError: the tree does not hang together.
    """
    conversation_id = a_text(export.get("conversation_id") or export.get("id"), "conversation_id")
    mapping = an_object(export["mapping"], "mapping")
    path = _path(mapping, export.get("current_node"))
    state: Raw = {"source": {"format": FORMAT, "id": conversation_id}}
    state |= _dated(without(export, "mapping", "id", "conversation_id"))
    messages = sum(1 for node in mapping.values() if _message(node))
    if messages > len(path):
        state["messages_on_other_branches"] = messages - len(path)
    return make(place, conversation_id, _entries(path), state=state, labels={"source": FORMAT})


def _path(mapping: Raw, current: Any) -> list[tuple[str, Raw]]:
    """The messages from the root to the current node."""
    path: list[tuple[str, Raw]] = []
    seen: set[str] = set()
    at: Any = a_text(current, "current_node")
    while at is not None:
        if at in seen or at not in mapping:
            raise MalformedError(f"the tree of messages is broken at {ascii(at)[:60]}")
        seen.add(at)
        node = an_object(mapping[at], "a node of mapping")
        if message := _message(node):
            path.append((at, message))
        at = node.get("parent")
    return path[::-1]


def _message(node: Any) -> Raw | None:
    message = node.get("message") if isinstance(node, dict) else None
    return message if isinstance(message, dict) else None


def _entries(path: list[tuple[str, Raw]]) -> list[Raw]:
    called: dict[str, str] = {}
    entries = []
    for node, message in path:
        author = an_object(message.get("author"), "author")
        role, name = author.get("role"), author.get("name")
        content = _content(an_object(message.get("content"), "content"))
        recipient = message.get("recipient") or _EVERYBODY
        if role == ROLE_TOOL:
            content = [tool_result(called.get(str(name), str(name)), content, name)]
        elif recipient != _EVERYBODY:
            called[str(recipient)] = node
            content = [tool_call(node, str(recipient), _given(content))]
        entries.append(entry(role, content, _metadata(message, author), id=node))
    return entries


def _metadata(message: Raw, author: Raw) -> Raw:
    kept = _dated(without(message, "id", "author", "content"))
    if kept.get("recipient") == _EVERYBODY:
        del kept["recipient"]
    if about := without(author, "role"):
        kept["author"] = about
    return kept


def _content(content: Raw) -> Any:
    """Text as text; everything else as typed parts that keep all their members."""
    parts = content.get("parts")
    if isinstance(parts, list) and not without(content, "content_type", "parts"):
        if all(isinstance(part, str) for part in parts) and len(parts) <= 1:
            return "".join(parts)
        return [_part(part) for part in parts]
    return [_part(content)]


def _part(part: Any) -> Part:
    """What the export says in words as text; the rest is a part that nobody else knows."""
    if isinstance(part, str):
        return text_part(part)
    part = an_object(part, "a part")
    if not isinstance(part.get("text"), str):
        return {"type": OTHER, "provider": FORMAT, "value": part}
    about = without(part, "text")
    return text_part(part["text"]) | ({EXTRA.name: {FORMAT: about}} if about else {})


def _given(content: Any) -> Any:
    """What a call was given: its text where there is nothing else."""
    if isinstance(content, str):
        return content
    alone = content[0] if len(content) == 1 else {}
    return alone["text"] if alone.get("type") == TEXT else {"content": content}


def _dated(members: Raw) -> Raw:
    """Unix seconds as RFC 3339, in members that are times."""
    return members | {
        name: clock.to_text(int(members[name] * clock.SECOND))
        for name in _TIMES
        if isinstance(members.get(name), int | float) and 0 <= members[name] < _YEAR_3000
    }


_YEAR_3000: Final = 32_503_680_000
