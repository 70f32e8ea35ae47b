"""Parts as providers write them, brought into our own vocabulary.

An entry may hold content in a provider's own form. Only what models know under another name
is translated here; whatever else is no part of ours is shown to a model as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from backstory.domain.parts import (
    IMAGE,
    TEXT,
    TOOL_CALL,
    TOOL_RESULT,
    Part,
    data_url,
    read_arguments,
)


def translated(raw: Any) -> Any:
    """A part of ours where the value is a provider's part that we know, else the value."""
    if not isinstance(raw, dict):
        return raw
    make = _KNOWN.get(str(raw.get("type")))
    made = None if make is None else make(raw)
    return raw if made is None else made


def _text(raw: Mapping[str, Any]) -> Part | None:
    return {"type": TEXT, "text": raw["text"]} if isinstance(raw.get("text"), str) else None


def _image_url(raw: Mapping[str, Any]) -> Part | None:
    about = raw.get("image_url")
    url = about.get("url") if isinstance(about, dict) else about
    return _image(url) if isinstance(url, str) else None


def _image(url: str) -> Part:
    source = data_url(url)
    return {"type": IMAGE, "url": url} if source is None else {"type": IMAGE, "source": source}


def _anthropic_image(raw: Mapping[str, Any]) -> Part | None:
    source = raw.get("source")
    if not isinstance(source, dict):
        return None
    if source.get("type") == "url" and isinstance(source.get("url"), str):
        return _image(source["url"])
    if source.get("type") == "base64":
        return {
            "type": IMAGE,
            "source": {"media_type": source.get("media_type"), "data": source.get("data")},
        }
    return None


def _tool_use(raw: Mapping[str, Any]) -> Part | None:
    return _call(raw.get("id"), raw.get("name"), raw.get("input", {}))


def _function_call(raw: Mapping[str, Any]) -> Part | None:
    """An item of the Responses API, or a tool call of Chat Completions (`function` inside)."""
    inner = raw.get("function")
    about = inner if isinstance(inner, dict) else raw
    return _call(raw.get("call_id", raw.get("id")), about.get("name"), about.get("arguments", {}))


def _call(call_id: Any, name: Any, arguments: Any) -> Part | None:
    if not isinstance(name, str) or not isinstance(arguments, str | dict):
        return None
    given = read_arguments(arguments) if isinstance(arguments, str) else arguments
    made: Part = {"type": TOOL_CALL, "name": name, "arguments": given}
    return {**made, "id": call_id} if isinstance(call_id, str) else made


def _tool_result(raw: Mapping[str, Any]) -> Part | None:
    content = raw.get("content", raw.get("output", ""))
    made: Part = {"type": TOOL_RESULT, "content": content}
    for name in ("tool_call_id", "tool_use_id", "call_id"):
        if isinstance(raw.get(name), str):
            made["tool_call_id"] = raw[name]
    for name in ("name", "is_error"):
        if name in raw:
            made[name] = raw[name]
    if isinstance(content, list):
        made["content"] = [translated(item) for item in content]
    return made


_KNOWN: Final[Mapping[str, Callable[[Mapping[str, Any]], Part | None]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "image_url": _image_url,
    "input_image": _image_url,
    "image": _anthropic_image,
    "tool_use": _tool_use,
    "function": _function_call,
    "function_call": _function_call,
    "function_call_output": _tool_result,
    "tool_result": _tool_result,
}
