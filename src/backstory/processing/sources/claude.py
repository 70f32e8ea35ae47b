"""The data export of Claude: `conversations.json`, with calls, results and attachments.

Blocks are those of the Messages API with more about them, and not with all that the API asks
for. What the API has no name for is kept with the part as the export's own, so that it is
never sent there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from backstory.domain.parts import EXTRA, OTHER, REASONING, Part, bare_text
from backstory.errors import MalformedError, SchemaError
from backstory.processing.conversations import Conversation, Place, Raw, make
from backstory.processing.formats.anthropic import ANTHROPIC
from backstory.processing.sources.reading import (
    ROLE_TOOL,
    a_list,
    a_text,
    an_object,
    entry,
    text_part,
    typed,
    without,
)

FORMAT: Final = "claude"
_SENDERS: Final = {"human": "user", "assistant": "assistant"}
_ALWAYS: Final[dict[str, Raw]] = {"tool_use": {"input": {}}, "thinking": {"thinking": ""}}
"""Members that the API wants of a block, and that the export may leave out."""


def conversation(place: Place, export: Raw) -> Conversation:
    """One exported conversation.

    Raises:
        MalformedError: it is not what Claude exports.
    """
    conversation_id = a_text(export.get("uuid"), "uuid")
    said = a_list(export["chat_messages"], "chat_messages")
    entries = [raw for item in said for raw in _entries(an_object(item, "a message"))]
    state = {"source": {"format": FORMAT, "id": conversation_id}}
    state |= without(export, "uuid", "chat_messages")
    return make(place, conversation_id, entries, state=state, labels={"source": FORMAT})


def _entries(message: Raw) -> Iterator[Raw]:
    """One entry for a message, or several where results stand beside other blocks."""
    sender, uuid = message.get("sender"), a_text(message.get("uuid"), "a message's uuid")
    if sender not in _SENDERS:
        raise MalformedError(f"a sender is human or assistant, not {ascii(sender)[:60]}")
    blocks, metadata = _blocks(message)
    role = _SENDERS[sender]
    placed = [_placed(role, block) for block in blocks]
    attached = a_list(message.get("attachments") or [], "attachments")
    placed += [(role, _attachment(an_object(each, "an attachment"))) for each in attached]
    for index, (speaker, content) in enumerate(_runs(placed) if placed else [(role, "")]):
        yield entry(speaker, content, metadata, id=f"{uuid}:{index}" if index else uuid)


def _blocks(message: Raw) -> tuple[list[Raw], Raw]:
    """Blocks where there are any, else the text as one; and what else the message says."""
    text = message.get("text") or ""
    if not isinstance(text, str):
        raise MalformedError("the text of a message must be text")
    metadata = without(message, "uuid", "sender", "text", "content", "attachments")
    given = a_list(message.get("content") or [], "content")
    blocks = [an_object(block, "a content block") for block in given]
    said = "".join(str(block.get("text", "")) for block in blocks)
    if not blocks:
        return ([text_part(text)] if text else []), metadata
    return blocks, metadata | ({"text": text} if text and text.strip() != said.strip() else {})


def _runs(placed: list[tuple[str, Part]]) -> Iterator[tuple[str, Any]]:
    """Results one by one, what stands between them together; one text alone is text."""
    for role, run in groupby(placed, key=lambda pair: pair[0]):
        parts = [part for _, part in run]
        if role == ROLE_TOOL:
            yield from ((role, [part]) for part in parts)
        else:
            alone = bare_text(parts)
            yield role, parts if alone is None else alone


def _placed(role: str, block: Raw) -> tuple[str, Part]:
    """The part for a block, and who says it: a result is the tool's word."""
    kind = block.get("type")
    told = _ALWAYS.get(str(kind), {}) | typed(kind, without(block, "type"))
    if kind == "tool_result":
        return ROLE_TOOL, _read("user", told)
    return role, _read(role, told)


def _read(role: str, block: Raw) -> Part:
    try:
        (said,) = ANTHROPIC.parse({"messages": [{"role": role, "content": [block]}]})
    except SchemaError:
        return _odd(block)
    part: Part = said["content"][0]
    return _own(part)


def _odd(block: Raw) -> Part:
    """A block that the API would not take: thoughts without their signature, calls without id."""
    if block["type"] == "thinking" and isinstance(block["thinking"], str):
        part: Part = {"type": REASONING, "provider": ANTHROPIC.name, "text": block["thinking"]}
        more = without(block, "type", "thinking")
        return part | ({EXTRA.name: {FORMAT: more}} if more else {})
    return {"type": OTHER, "provider": FORMAT, "value": block}


def _own(part: Part) -> Part:
    """The part with what the API does not know under the export's name."""
    if part["type"] == OTHER:
        return part | {"provider": FORMAT}
    if isinstance(part.get("content"), list):
        part = part | {"content": [_own(inner) for inner in part["content"]]}
    if EXTRA.name not in part:
        return part
    return part | {EXTRA.name: {FORMAT: part[EXTRA.name][ANTHROPIC.name]}}


def _attachment(attached: Raw) -> Part:
    """The words of a file that was attached; the file itself is not in the export."""
    words = attached.get("extracted_content")
    if not isinstance(words, str) or not words:
        return {"type": OTHER, "provider": FORMAT, "value": {"type": "attachment"} | attached}
    about = {"type": "attachment"} | without(attached, "extracted_content")
    return text_part(words) | {EXTRA.name: {FORMAT: about}}
