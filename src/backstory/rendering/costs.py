"""What a provider counts of its own messages: texts, and what stands around them.

OpenAI publishes that each message costs 3 tokens and its role, and each request 3 more; the
others publish nothing, and are counted alike. What a tool call, its result and an image cost
is published by nobody as a rule for all models, so a window with one of them is not exact:
calls are counted with all their texts and a little more, media as large as they usually are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstory.rendering.counters import Tally

REQUEST: Final = 3
MESSAGE: Final = 3
TOOL: Final = 8  # around a call or a result
IMAGE: Final = 1600
FILE: Final = 3000
FILE_BYTES: Final = 60  # of base64 for one token, in files above 180 KB

_IMAGES: Final = frozenset({"image_url", "image", "input_image"})
_FILES: Final = frozenset({"document", "file", "input_file", "input_audio", "audio"})
_TOOLS: Final = frozenset(
    {"tool_use", "tool_result", "function", "custom", "function_call", "function_call_output"}
)
_GEMINI_MEDIA: Final = frozenset({"inlineData", "fileData", "inline_data", "file_data"})
_GEMINI_TOOLS: Final = frozenset({"functionCall", "functionResponse"})
_SILENT: Final = frozenset({"type", "cache_control", "detail"})
_PLAIN: Final = 2  # members of a message with a role and a text
_JSON: Final = frozenset({"input", "args", "response"})


@dataclass(slots=True)
class Bill:
    """Adds up tokens; `guessed` where something has no published cost."""

    counter: Tally
    tokens: int = 0
    guessed: bool = False

    def request(self, instructions: Any, messages: Iterable[Any]) -> None:
        """A whole request: the text of the system slot, and the messages."""
        self.tokens += REQUEST
        if instructions is not None:
            self.tokens += MESSAGE + 1
            self.value(instructions)
        for message in messages:
            self.message(message)

    def message(self, message: Mapping[str, Any]) -> None:
        """One message, its role included."""
        self.tokens += MESSAGE
        if len(message) == _PLAIN and type(text := message.get("content")) is str:
            self.tokens += self.counter.count(message["role"]) + self.counter.count(text)
        else:
            self.value(message)

    def value(self, value: Any) -> None:
        """Whatever stands in a message."""
        if isinstance(value, str):
            self.tokens += self.counter.count(value)
        elif isinstance(value, list):
            for item in value:
                self.value(item)
        elif isinstance(value, dict):
            self._object(value)

    def _object(self, value: Mapping[str, Any]) -> None:
        kind = value.get("type")
        if kind in _IMAGES:
            self._guess(IMAGE)
            return
        if kind in _FILES or not _GEMINI_MEDIA.isdisjoint(value):
            self._guess(max(FILE, _longest(value) // FILE_BYTES))
            return
        if kind in _TOOLS or value.get("role") == "tool" or not _GEMINI_TOOLS.isdisjoint(value):
            self._guess(TOOL)
        for name, inner in value.items():
            if name in _JSON and isinstance(inner, dict):
                self.tokens += self.counter.count(orjson.dumps(inner).decode())
            elif name not in _SILENT:
                self.value(inner)

    def _guess(self, tokens: int) -> None:
        self.tokens += tokens
        self.guessed = True


def _longest(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return max(map(_longest, value.values()), default=0)
    return 0
