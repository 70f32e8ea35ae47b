"""A context's state as a message: data between marks, or the instructions of a prompt."""

from __future__ import annotations

from typing import Any

import orjson

from backstory.domain.contexts import Snapshot
from backstory.domain.kinds import PROMPT
from backstory.domain.principals import Trust
from backstory.rendering.marks import enclosed
from backstory.rendering.messages import FOREIGN, SYSTEM, USER, Message, Reader


def state_message(snapshot: Snapshot, trust: Trust, reader: Reader) -> Message:
    """The whole state in one message. Only a prompt that its author could write instructs."""
    head = snapshot.head
    state = orjson.loads(snapshot.state)
    if head.kind == PROMPT and trust not in FOREIGN and (text := _prompt_text(state)):
        part = {"type": "text", "text": reader.guarded.text(text)}
        return Message(SYSTEM, (part,), reader.mark, trust=trust)
    text = orjson.dumps(reader.guarded.value(state)).decode()
    about = f"{head.key} kind={head.kind} trust={trust.word}"
    part = {"type": "text", "text": enclosed(reader.mark, about, text)}
    return Message(USER, (part,), reader.mark, trust=trust, marked=True)


def _prompt_text(state: dict[str, Any]) -> str:
    """The texts of a prompt's messages; arguments stay as they are written."""
    found: list[str] = []
    messages = state.get("messages")
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        blocks = content if isinstance(content, list) else [content]
        for block in blocks:
            text = block.get("text") if isinstance(block, dict) else block
            if isinstance(text, str) and text.strip():
                found.append(text)
    return "\n\n".join(found)
