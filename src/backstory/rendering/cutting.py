"""What is longer than the window: head and tail are kept, with a mark of the cut between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from backstory.domain.parts import TEXT, TOOL_RESULT, Part
from backstory.rendering.counters import Tally
from backstory.rendering.messages import Message

LEAST: Final = 32  # tokens; where less is left, nothing is shown
CHARS: Final = 16  # of a text for one token that it may have; only these are looked at
_MARK: Final = "\n[... {count} characters cut ...]\n"


def cut_text(text: str, room: int, counter: Tally) -> str:
    """The longest head and tail, three to one, of at most `room` tokens with the mark."""
    most = min(len(text), room * CHARS)
    kept = most_that(most, lambda kept: counter.count(_shortened(text, kept)) <= room)
    return _shortened(text, kept)


def most_that(most: int, fits: Callable[[int], bool], guess: int = 0) -> int:
    """About the largest number up to `most` that fits; 0 where none was found to.

    A good guess saves most of the looking.
    """
    low, high = 0, most
    for near in (guess - guess // 32, guess + guess // 32):
        if low < near < high:
            low, high = (near, high) if fits(near) else (low, near)
    while high - low > max(8, low // 64):
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _shortened(text: str, kept: int) -> str:
    if kept >= len(text):
        return text
    tail = kept // 4
    head = kept - tail
    return text[:head] + _MARK.format(count=len(text) - kept) + text[len(text) - tail :]


def cut(
    messages: Sequence[Message],
    room: int,
    counter: Tally,
    cost: Callable[[Sequence[Message]], int],
) -> list[Message] | None:
    """The messages with their longest text cut so that they cost `room`, or None.

    Only texts and the texts of results are cut; a call is never changed.
    """
    found = list(messages)
    for _ in range(3):
        over = cost(found) - room
        if over <= 0:
            return found
        i, j, text = _longest(found)
        left = counter.count(text[: room * CHARS]) - over if len(text) <= room * CHARS else room
        left = min(left, room - cost(_without(found, i, j)))
        if left < LEAST:
            return None
        found[i] = _with_text(found[i], j, cut_text(text, left, counter))
    return found if cost(found) <= room else None


def _longest(messages: Sequence[Message]) -> tuple[int, int, str]:
    texts = [
        (i, j, _text(part)) for i, each in enumerate(messages) for j, part in enumerate(each.parts)
    ]
    return max(texts, key=lambda found: len(found[2]))


def _text(part: Part) -> str:
    if part["type"] == TEXT:
        return str(part["text"])
    if part["type"] == TOOL_RESULT and isinstance(part["content"], str):
        return part["content"]
    return ""


def _without(messages: Sequence[Message], i: int, j: int) -> list[Message]:
    found = list(messages)
    found[i] = _with_text(found[i], j, "")
    return found


def _with_text(message: Message, j: int, text: str) -> Message:
    parts = list(message.parts)
    name = "text" if parts[j]["type"] == TEXT else "content"
    if name in parts[j]:
        parts[j] = {**parts[j], name: text}
    return message._replace(parts=tuple(parts))
