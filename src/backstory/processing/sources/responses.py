"""OpenAI: requests of the Responses API."""

from __future__ import annotations

from typing import Any, Final

from backstory.processing.conversations import Raw
from backstory.processing.formats.openai_responses import OPENAI_RESPONSES
from backstory.processing.sources.reading import compact
from backstory.processing.sources.requests import Requests

_CALL: Final = "function_call"


def _mended(request: Raw) -> Raw:
    items = request["input"]
    return request | {"input": [_item(i) for i in items]} if isinstance(items, list) else request


def _item(item: Any) -> Any:
    """A call's arguments are compact where nothing is lost by it."""
    if not isinstance(item, dict) or item.get("type") != _CALL:
        return item
    return item | {"arguments": compact(item.get("arguments"))}


REQUESTS: Final = Requests(OPENAI_RESPONSES, ("custom_id", "body"), _mended)
