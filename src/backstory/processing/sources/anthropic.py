"""Anthropic: Messages API requests, and (in `claude.py`) the data export of Claude."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from backstory.processing.conversations import Conversation, Item, Raw
from backstory.processing.formats.anthropic import ANTHROPIC
from backstory.processing.sources import claude
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import Values, each
from backstory.processing.sources.requests import Requests


def read(values: Values) -> Iterator[Item]:
    """One conversation a value."""
    return each(values, _conversation)


def _conversation(value: Value) -> Iterable[Conversation]:
    if isinstance(value.data, dict) and "chat_messages" in value.data:
        yield claude.conversation(value.place, value.data)
    else:
        yield _REQUESTS.conversation(value)


def _mended(request: Raw) -> Raw:
    said = request["messages"]
    return (
        request | {"messages": [_message(m) for m in said]} if isinstance(said, list) else request
    )


def _message(message: Any) -> Any:
    if isinstance(message, dict) and message.get("content") is None:
        return message | {"content": ""}
    return message


_REQUESTS: Final = Requests(
    ANTHROPIC, ("custom_id", "params"), _mended, ", or chat_messages in Claude's export"
)
