"""Parts told as text, where a part of their type cannot stand."""

from __future__ import annotations

from typing import Any

import orjson

from backstory.domain.parts import TEXT, TOOL_CALL, TOOL_RESULT, Part


def told(part: Part) -> str:
    """A part as text."""
    if part["type"] == TEXT:
        return str(part["text"])
    if part["type"] == TOOL_CALL:
        return f"(tool call {part['name']}) {_plain(part.get('arguments', {}))}"
    if part["type"] == TOOL_RESULT:
        return f"(result of {part.get('name', 'a tool')}) {_plain(part.get('content', ''))}"
    return f"({part['type']} {part.get('name') or part.get('url') or ''})".replace(" )", ")")


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(map(told, value))
    return orjson.dumps(value).decode()
