"""What of an entry is counted once and for all, when it is written.

Most entries have one text: a message, an answer beside a tool call, the result of a tool. Its
tokens are kept with the entry, so that a window costs what it shows. An entry with several
texts has no number that a window could use, since each text is counted apart. Nor has one that
is so long that counting it would hold up everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import orjson
from msgspec import structs

from backstory import limits
from backstory.domain.entries import MESSAGE, NewEntry
from backstory.domain.parts import REFUSAL, TEXT, TOOL_RESULT

Count = Callable[[str], int]
"""Tokens of a text. Which vocabulary's is the same in all of a store: `o200k_base`."""

_HOLDS: Final = {TEXT: "text", REFUSAL: "text", TOOL_RESULT: "content"}


def one_text(content: Any) -> str | None:
    """The text in an entry's parsed content, None where there is none or more than one."""
    if isinstance(content, str):
        return content
    texts = _texts(content) if isinstance(content, list) else iter(())
    first = next(texts, None)
    return first if next(texts, None) is None else None


def counted(entries: Sequence[NewEntry], count: Count) -> tuple[NewEntry, ...]:
    """The entries with the tokens of their texts. Takes some microseconds for each KB."""
    return tuple([_counted(entry, count) for entry in entries])


def _counted(entry: NewEntry, count: Count) -> NewEntry:
    if entry.type != MESSAGE or len(entry.content) > limits.ENTRY_COUNTED_BYTES:
        return entry
    text = one_text(orjson.loads(entry.content))
    if text is None:
        return entry
    return structs.replace(entry, tokens=count(text))


def _texts(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, dict):
            text = part.get(_HOLDS.get(part.get("type", ""), ""))
            if isinstance(text, str):
                yield text
