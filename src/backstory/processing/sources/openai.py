"""OpenAI: Chat Completions messages, and (in `chatgpt.py`) the data export of ChatGPT.

Messages come as `{"messages": [...]}`, as a line of a batch (`{"custom_id", "body"}`), or as
a bare list. Typed parts keep the provider's form; calls and results become ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from backstory.errors import MalformedError
from backstory.processing.conversations import Conversation, Item, Raw, make
from backstory.processing.sources import chatgpt
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import (
    ROLE_TOOL,
    Values,
    a_list,
    an_object,
    each,
    entry,
    identity,
    text_part,
    tool_call,
    tool_result,
    without,
)

FORMAT: Final = "openai"
_FUNCTION: Final = "function"  # the role and the kind of call that came before tools


def read(values: Values) -> Iterator[Item]:
    """One conversation a value."""
    return each(values, _conversation)


def _conversation(value: Value) -> Iterable[Conversation]:
    request = {"messages": value.data} if isinstance(value.data, list) else value.data
    request = an_object(request, "a conversation")
    if "mapping" in request:
        yield chatgpt.conversation(value.place, request)
        return
    batch_id = request.get("custom_id")
    if isinstance(batch_id, str) and isinstance(request.get("body"), dict):
        request = request["body"]
    if "messages" not in request:
        raise MalformedError("a conversation has messages, or a mapping in ChatGPT's export")
    conversation_id = batch_id if isinstance(batch_id, str) else identity(value)
    state: Raw = {"source": {"format": FORMAT, "id": conversation_id}}
    if rest := without(request, "messages"):
        state["request"] = rest
    yield make(
        value.place,
        conversation_id,
        entries(a_list(request["messages"], "messages")),
        state=state,
        labels={"source": FORMAT},
    )


def entries(messages: list[Any]) -> list[Raw]:
    """Entries for the messages of one conversation.

    Raises:
        MalformedError: one of them is no message.
    """
    called: dict[str, str] = {}
    return [
        _message(an_object(message, "a message"), f"call_{index}", called)
        for index, message in enumerate(messages)
    ]


def _message(message: Raw, call_id: str, called: dict[str, str]) -> Raw:
    """`called` has the last call of each function, for results that name no call."""
    role, content, name = message.get("role"), message.get("content"), message.get("name")
    if role == ROLE_TOOL:
        metadata = without(message, "role", "content", "tool_call_id", "name")
        part = tool_result(message.get("tool_call_id"), content, name)
        return entry(ROLE_TOOL, [part], metadata)
    if role == _FUNCTION:
        metadata = without(message, "role", "content", "name") | {"role": _FUNCTION}
        part = tool_result(called.get(str(name), str(name)), content, name)
        return entry(ROLE_TOOL, [part], metadata)
    parts = _extra_parts(message, call_id, called)
    metadata = without(message, "role", "content", "tool_calls", "function_call", "refusal")
    return entry(role, _joined(content, parts), metadata)


def _extra_parts(message: Raw, call_id: str, called: dict[str, str]) -> list[Raw]:
    parts: list[Raw] = []
    if message.get("refusal"):
        parts.append({"type": "refusal", "refusal": message["refusal"]})
    calls = a_list(message.get("tool_calls") or [], "tool_calls")
    parts.extend(_call(an_object(call, "a tool call")) for call in calls)
    if old := message.get("function_call"):
        old = an_object(old, "function_call")
        called[str(old.get("name"))] = call_id
        parts.append(tool_call(call_id, old.get("name"), old.get("arguments")))
    return parts


def _call(call: Raw) -> Raw:
    kind = call.get("type", _FUNCTION)
    about = an_object(call.get(kind), f"the {kind} of a tool call")
    more = without(call, "id", "type", kind) | without(about, "name", "arguments", "input")
    if kind != _FUNCTION:
        more["kind"] = kind
    arguments = about.get("arguments", about.get("input"))
    return tool_call(call.get("id"), about.get("name"), arguments, **more)


def _joined(content: Any, parts: list[Raw]) -> Any:
    """Text stays text where nothing stands beside it."""
    if not parts:
        return "" if content is None else content
    if isinstance(content, list):
        return [*content, *parts]
    return [text_part(content), *parts] if content else parts
