"""A context's state as a message: data between marks, or the instructions of a prompt.

Only a prompt whose author had the right to instruct reaches the system slot. What a caller
fills in for its arguments stands there only if the caller might have written the prompt; else
the prompt refers to the values, which follow as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from backstory.domain import prompts
from backstory.domain.contexts import Snapshot
from backstory.domain.principals import Trust
from backstory.domain.prompts import Value
from backstory.errors import SchemaError
from backstory.rendering.marks import enclosed, noted
from backstory.rendering.messages import SYSTEM, USER, Message, Reader

_CALLERS: Final = "values from the caller"


def state_message(snapshot: Snapshot, trust: Trust, reader: Reader) -> Message:
    """The whole state as data, in one message."""
    head = snapshot.head
    text = orjson.dumps(reader.guarded.value(orjson.loads(snapshot.state))).decode()
    about = f"{head.key} kind={head.kind} trust={trust.word}"
    return _data(reader, about, text, trust)


def prompt_message(
    snapshot: Snapshot, trust: Trust, reader: Reader, values: Mapping[str, str], *, inside: bool
) -> Message | None:
    """A prompt's text as instructions; None where it has none.

    `inside`: values stand in their places. Else a note stands there.
    """
    try:
        texts = prompts.parse(snapshot.state).texts
    except SchemaError:  # whatever in it is text, where nobody asks for more
        texts = list(_texts(orjson.loads(snapshot.state)))
    guarded = reader.guarded.text("\n\n".join(text for text in texts if text.strip()))
    if not guarded:
        return None
    safe = {name: reader.guarded.text(value) for name, value in values.items()}
    if not inside:
        safe = {name: _note(reader, name) if value else "" for name, value in safe.items()}
    text = prompts.filled(guarded, safe)
    return Message(SYSTEM, ({"type": "text", "text": text},), reader.mark, trust=trust)


def values_message(name: str, values: Mapping[str, str], trust: Trust, reader: Reader) -> Message:
    """What a caller filled in, as data."""
    given = {name: value for name, value in values.items() if value}
    text = orjson.dumps(reader.guarded.value(given)).decode()
    return _data(reader, f"{name} arguments", text, trust, _CALLERS)


def values_of(snapshot: Snapshot, given: Mapping[str, Value] | None, place: str) -> dict[str, str]:
    """The text of each argument of a prompt.

    Raises:
        SchemaError: they are not what the prompt declares; or it declares nothing usable.
    """
    try:
        prompt = prompts.parse(snapshot.state)
    except SchemaError:
        if given is None:
            return {}
        raise
    return prompt.values(given or {}, f"{place}/arguments")


def _note(reader: Reader, name: str) -> str:
    return noted(reader.mark, f"argument {reader.guarded.text(name)}")


def _data(
    reader: Reader, about: str, text: str, trust: Trust, what: str = "stored data"
) -> Message:
    part = {"type": "text", "text": enclosed(reader.mark, about, text, what)}
    return Message(USER, (part,), reader.mark, trust=trust, marked=True)


def _texts(state: dict[str, Any]) -> list[str]:
    """The texts of what looks like a prompt's messages."""
    found: list[str] = []
    messages = state.get("messages")
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else [content]:
            text = block.get("text") if isinstance(block, dict) else block
            if isinstance(text, str):
                found.append(text)
    return found
