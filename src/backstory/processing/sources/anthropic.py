"""Anthropic: Messages API requests, and the data export of Claude.

Blocks keep the provider's form but for `tool_use` and `tool_result`, which become ours. A
message that holds results beside other blocks becomes several entries, in the same order:
results are the tool's words, not the user's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from backstory.errors import MalformedError
from backstory.processing.conversations import Conversation, Item, Raw, make
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import (
    ROLE_TOOL,
    Values,
    a_list,
    a_text,
    an_object,
    each,
    entry,
    identity,
    text_part,
    tool_call,
    tool_result,
    typed,
    without,
)

FORMAT: Final = "anthropic"
EXPORT: Final = "claude"
_SENDERS: Final = {"human": "user", "assistant": "assistant"}


def read(values: Values) -> Iterator[Item]:
    """One conversation a value."""
    return each(values, _conversation)


def _conversation(value: Value) -> Iterable[Conversation]:
    request = {"messages": value.data} if isinstance(value.data, list) else value.data
    request = an_object(request, "a conversation")
    if "chat_messages" in request:
        yield _exported(value, request)
        return
    batch_id = request.get("custom_id")
    if isinstance(batch_id, str) and isinstance(request.get("params"), dict):
        request = request["params"]
    if "messages" not in request:
        raise MalformedError("a conversation has messages, or chat_messages in Claude's export")
    conversation_id = batch_id if isinstance(batch_id, str) else identity(value)
    yield _requested(value, request, conversation_id)


def _requested(value: Value, request: Raw, conversation_id: str) -> Conversation:
    entries = [entry("system", request["system"])] if request.get("system") else []
    for item in a_list(request["messages"], "messages"):
        message = an_object(item, "a message")
        metadata = without(message, "role", "content")
        entries += _split(message.get("role"), message.get("content"), metadata)
    state: Raw = {"source": {"format": FORMAT, "id": conversation_id}}
    if rest := without(request, "system", "messages"):
        state["request"] = rest
    return make(value.place, conversation_id, entries, state=state, labels={"source": FORMAT})


def _exported(value: Value, export: Raw) -> Conversation:
    conversation_id = a_text(export.get("uuid"), "uuid")
    entries: list[Raw] = []
    for item in a_list(export["chat_messages"], "chat_messages"):
        message = an_object(item, "a message")
        sender = message.get("sender")
        if sender not in _SENDERS:
            raise MalformedError(f"a sender is human or assistant, not {ascii(sender)[:60]}")
        content, metadata = _exported_content(message)
        split = _split(_SENDERS[sender], content, metadata)
        uuid = a_text(message.get("uuid"), "a message's uuid")
        entries += [
            raw | {"id": f"{uuid}:{index}" if index else uuid} for index, raw in enumerate(split)
        ]
    state = {"source": {"format": EXPORT, "id": conversation_id}}
    state |= without(export, "uuid", "chat_messages")
    return make(value.place, conversation_id, entries, state=state, labels={"source": EXPORT})


def _exported_content(message: Raw) -> tuple[Any, Raw]:
    """Blocks where there are any, else the text, and the attachments behind them."""
    text, blocks = message.get("text") or "", message.get("content") or []
    metadata = without(message, "uuid", "sender", "text", "content", "attachments")
    said = "".join(b.get("text", "") for b in a_list(blocks, "content") if isinstance(b, dict))
    if text and blocks and text.strip() != said.strip():
        metadata["text"] = text
    attached = [
        {"type": "attachment"} | an_object(each_one, "an attachment")
        for each_one in a_list(message.get("attachments") or [], "attachments")
    ]
    if not blocks:
        return ([text_part(text), *attached] if attached else text), metadata
    if len(blocks) == 1 and not attached and set(_told(blocks[0])) == {"type", "text"}:
        return blocks[0]["text"], metadata
    return [*map(_told, blocks), *attached], metadata


def _told(block: Any) -> Raw:
    """A block of an export without the members that say nothing."""
    block = an_object(block, "a content block")
    return typed(block.get("type"), without(block, "type"))


def _split(role: Any, content: Any, metadata: Raw) -> list[Raw]:
    """One entry for a message, or several where results stand beside other blocks."""
    if not isinstance(content, list):
        return [entry(role, "" if content is None else content, metadata)]
    if not content:
        return [entry(role, "", metadata)]
    entries = []
    for is_result, blocks in groupby(content, _is_result):
        parts = [_part(block) for block in blocks]
        entries.append(entry(ROLE_TOOL if is_result else role, parts, metadata))
    return entries


def _is_result(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_result"


def _part(block: Any) -> Any:
    match block:
        case {"type": "tool_use", "id": call_id, "name": name}:
            more = without(block, "type", "id", "name", "input")
            return tool_call(call_id, name, block.get("input"), **more)
        case {"type": "tool_result"}:
            more = without(block, "type", "tool_use_id", "content", "name")
            return tool_result(
                block.get("tool_use_id"), block.get("content"), block.get("name"), **more
            )
        case _:
            return block
