"""Messages held against the types of the providers' own SDKs.

The SDKs' types ask for some members that their APIs fill in by themselves: those are added to
a copy first, and only those (`_completed`).
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from anthropic.types import MessageParam, TextBlockParam
from google.genai import types as genai
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam
from pydantic import TypeAdapter

_CHAT = TypeAdapter(list[ChatCompletionMessageParam])
_RESPONSES = TypeAdapter(list[ResponseInputItemParam])
_ANTHROPIC = TypeAdapter(list[MessageParam])
_ANTHROPIC_SYSTEM = TypeAdapter(str | list[TextBlockParam])
_GEMINI = TypeAdapter(list[genai.Content])


def check(name, payload):
    """Raises pydantic's ValidationError where a payload is not what the SDK of `name` sends."""
    _CHECKS[name](deepcopy(payload))


def _exhaust(value: Any) -> None:
    """What is declared Iterable is only validated when it is walked through."""
    if isinstance(value, dict):
        for each in value.values():
            _exhaust(each)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for each in value:
            _exhaust(each)


def _chat(payload):
    assert payload.keys() == {"messages"}
    _exhaust(_CHAT.validate_python(payload["messages"]))


def _completed(item):
    spoken = item.get("type", "message") == "message" and item.get("role") == "assistant"
    if spoken and isinstance(item["content"], list):
        item.setdefault("id", "msg_0")
        item.setdefault("status", "completed")
    if item.get("type") == "reasoning":
        item.setdefault("id", "rs_0")
    for part in item["content"] if isinstance(item.get("content"), list) else []:
        if part.get("type") == "output_text":
            part.setdefault("annotations", [])
        if part.get("type") == "input_image":
            part.setdefault("detail", "auto")
    return item


def _responses(payload):
    assert payload.keys() <= {"input", "instructions"}
    assert isinstance(payload.get("instructions", ""), str)
    if not isinstance(payload["input"], str):
        items = [_completed(item) for item in payload["input"]]
        _exhaust(_RESPONSES.validate_python(items))


def _anthropic(payload):
    assert payload.keys() <= {"messages", "system"}
    _exhaust(_ANTHROPIC.validate_python(payload["messages"]))
    _exhaust(_ANTHROPIC_SYSTEM.validate_python(payload.get("system", "")))


def _gemini(payload):
    assert payload.keys() <= {"contents", "systemInstruction"}
    whole = [*payload["contents"], payload.get("systemInstruction", {})]
    _GEMINI.validate_json(json.dumps(whole))


_CHECKS = {
    "openai": _chat,
    "openai-responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
