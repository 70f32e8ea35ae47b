"""One item of a context's log: a message, a tool call, an event."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import orjson
from msgspec import Struct

from backstory.domain.principals import Author

MESSAGE = "message"
REDACTED = "redacted"
REDACTED_CONTENT = b'""'
INSTRUCTING_ROLES = frozenset({"system", "developer"})
DERIVED_ID = "~"
"""Ids that begin so are made from the seq by the server; a caller's own may not."""


class NewEntry(Struct, frozen=True):
    """An entry on its way in, checked and encoded.

    `content` and `metadata` are compact JSON. `tokens` are those of the entry's text
    (`domain.counting`), None where it has not one text, or nobody counted.
    """

    role: str
    type: str
    content: bytes
    metadata: bytes | None = None
    id: str | None = None
    tokens: int | None = None

    @property
    def size(self) -> int:
        """Bytes that count toward a page or a batch."""
        return len(self.content) + len(self.metadata or b"") + len(self.id or "")


class Entry(NamedTuple):
    """An entry as it is kept. A redacted one is a marker without its text.

    A tuple, since a long page makes a thousand of them: a frozen class takes four times as long.

    `version` is the one its own context had when the entry was written; an inherited entry
    keeps its origin's. `created_at` is in microseconds since the Unix epoch. `tokens` as in
    `NewEntry`; None for a marker too.
    """

    seq: int
    id: str
    role: str
    type: str
    content: bytes
    metadata: bytes | None
    author: Author
    version: int
    created_at: int
    tokens: int | None = None

    @property
    def size(self) -> int:
        """Bytes that count toward a page."""
        return len(self.content) + len(self.metadata or b"")


class Shape(IntEnum):
    """What is known of a content that was not read."""

    OTHER = 0
    """Nothing."""
    TEXT = 1
    """It is one JSON string."""
    ASCII = 2
    """It is one JSON string whose text is ASCII throughout."""

    @classmethod
    def of(cls, content: bytes) -> Shape:
        """Of compact JSON."""
        if content[:1] != b'"':
            return cls.OTHER
        return cls.ASCII if content.isascii() and b"\\u" not in content else cls.TEXT


class Outline(NamedTuple):
    """An entry without its content, which is told in a quarter of the time.

    `tokens` as in `NewEntry`. `shape` may say less than is true, never more.
    """

    seq: int
    role: str
    type: str
    author: Author
    tokens: int | None
    shape: Shape


def derived_id(seq: int) -> str:
    """The id of an entry that came without one."""
    return f"{DERIVED_ID}{seq}"


def derived_seq(entry_id: str) -> int | None:
    """The seq in an id that the server made, or None."""
    digits = entry_id.removeprefix(DERIVED_ID)
    if entry_id.startswith(DERIVED_ID) and digits.isascii() and digits.isdigit():
        return int(digits)
    return None


def text_of_state(state: bytes) -> str:
    """What search may find in a state: all its strings in order, one a line, without keys."""
    return "\n".join(_strings(orjson.loads(state), frozenset()))


def text_of_content(content: bytes) -> str:
    """What search may find in an entry: its strings in order, one a line.

    Members of typed parts that hold types, ids, encoded data or what only a provider can read
    are left out, and so are URLs that hold the data themselves (RFC 2397).
    """
    strings = _strings(orjson.loads(content), _NOT_TEXT)
    return "\n".join(text for text in strings if not _DATA_URL.match(text))


_NOT_TEXT = frozenset(
    [
        "type",
        "id",
        "tool_call_id",
        "tool_use_id",
        "call_id",
        "file_id",
        "data",
        "file_data",
        "media_type",
        "mime_type",
        "mimeType",
        "signature",
        "thoughtSignature",
        "thought_signature",
        "encrypted",
        "encrypted_content",
        "provider",
    ]
)
_DATA_URL = re.compile(r"data:[^,\s]{0,200};base64,", re.IGNORECASE)


def _strings(value: Any, skipped: frozenset[str]) -> Iterator[str]:
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(v for k, v in reversed(item.items()) if k not in skipped)
        elif isinstance(item, list):
            stack.extend(reversed(item))
