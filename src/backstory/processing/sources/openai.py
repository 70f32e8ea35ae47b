"""OpenAI: Chat Completions messages, and (in `chatgpt.py`) the data export of ChatGPT.

Logs hold messages that the API would refuse today: calls and results of functions, as they
were before tools, and members that are null. They are brought into today's form first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from backstory.processing.conversations import Conversation, Item, Raw
from backstory.processing.formats.openai_chat import FUNCTION, OPENAI_CHAT
from backstory.processing.sources import chatgpt
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import (
    ROLE_TOOL,
    Values,
    compact,
    each,
    is_parts,
    json_text,
)
from backstory.processing.sources.requests import Requests


def read(values: Values) -> Iterator[Item]:
    """One conversation a value."""
    return each(values, _conversation)


def _conversation(value: Value) -> Iterable[Conversation]:
    if isinstance(value.data, dict) and "mapping" in value.data:
        yield chatgpt.conversation(value.place, value.data)
    else:
        yield _REQUESTS.conversation(value)


def _mended(request: Raw) -> Raw:
    said = request["messages"]
    if not isinstance(said, list):
        return request
    called: dict[str, str] = {}
    mended = [_message(message, f"call_{i}", called) for i, message in enumerate(said)]
    return request | {"messages": mended}


def _message(message: Any, call_id: str, called: dict[str, str]) -> Any:
    """`called` has the last call of each function, for results that name no call."""
    if not isinstance(message, dict):
        return message
    content = message.get("content")
    match message.get("role"):
        case "function":
            name = str(message.get("name"))
            rest = {k: v for k, v in message.items() if k not in ("name", "content")}
            answers = {"role": ROLE_TOOL, "tool_call_id": called.get(name, name)}
            return rest | answers | {"content": _result(content)}
        case "tool":
            return message | {"content": _result(content)}
        case "assistant":
            return _assistant(message, call_id, called)
    return message | {"content": ""} if content is None else message


def _result(content: Any) -> Any:
    """What a tool gave back, as text where it is neither that nor a list of parts."""
    if content is None:
        return ""
    return content if isinstance(content, str) or is_parts(content) else json_text(content)


def _assistant(message: Raw, call_id: str, called: dict[str, str]) -> Raw:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        return message
    if isinstance(old := message.get("function_call"), dict):
        called[str(old.get("name"))] = call_id
        calls = [*calls, {"id": call_id, "function": old}]
        message = {k: v for k, v in message.items() if k != "function_call"}
    return message | {"tool_calls": [_call(call) for call in calls]} if calls else message


def _call(call: Any) -> Any:
    """A call with its type, and with arguments that are compact where nothing is lost by it."""
    if not isinstance(call, dict):
        return call
    call = {"type": FUNCTION} | call
    about = call.get(FUNCTION)
    if call["type"] != FUNCTION or not isinstance(about, dict):
        return call
    return call | {FUNCTION: about | {"arguments": compact(about.get("arguments"))}}


_REQUESTS: Final = Requests(
    OPENAI_CHAT, ("custom_id", "body"), _mended, ", or a mapping in ChatGPT's export"
)
