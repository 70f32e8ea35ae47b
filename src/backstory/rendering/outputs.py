"""The forms a window can have: what a provider's API takes, or text for anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Protocol

from backstory.domain.entries import Outline
from backstory.domain.messages import Format
from backstory.domain.parts import Part
from backstory.rendering.costs import MESSAGE, Bill
from backstory.rendering.counters import Tally
from backstory.rendering.messages import ASSISTANT, SYSTEM, USER, Message

OPENAI: Final = "openai"
RESPONSES: Final = "openai-responses"
ANTHROPIC: Final = "anthropic"
GEMINI: Final = "gemini"

_GEMINI_ROLES: Final = {USER: USER, ASSISTANT: "model"}
_PLAIN: Final[Mapping[str, Callable[[str, str], dict[str, Any]]]] = {
    OPENAI: lambda role, text: {"role": role, "content": text},
    RESPONSES: lambda role, text: {"type": "message", "role": role, "content": text},
    ANTHROPIC: lambda role, text: {"role": role, "content": [{"type": "text", "text": text}]},
    GEMINI: lambda role, text: {"role": _GEMINI_ROLES[role], "parts": [{"text": text}]},
}
"""A text of the user or the assistant as each format writes it, in a tenth of its time."""
_ALTERNATING: Final = {ANTHROPIC: "content", GEMINI: "parts"}
_BREAKPOINT: Final = {"extra": {ANTHROPIC: {"cache_control": {"type": "ephemeral"}}}}
BEGINNING: Final = "(The conversation begins with the assistant.)"


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into a window: instructions, data in front, and the turns behind it."""

    instructions: Sequence[Message]
    front: Sequence[Message]
    turns: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Written:
    """A window in its form, and what it costs.

    `lost` are messages of which the format could not carry a part.
    """

    payload: Any
    tokens: int
    exact: bool
    lost: Sequence[Message] = ()


class Output(Protocol):
    """One form of window, with a counter."""

    def cost(self, messages: Sequence[Message]) -> int:
        """Tokens of messages that stand together."""
        ...

    def reckoned(self, outline: Outline, /) -> int | None:
        """The same of a message with one text that was not read, None where nobody can tell."""
        ...

    def write(self, content: Content) -> Written:
        """The window. Pure: the same content gives the same bytes."""
        ...


class ProviderOutput:
    """What a provider's API takes."""

    def __init__(self, form: Format, counter: Tally) -> None:
        self._format = form
        self._counter = counter

    def cost(self, messages: Sequence[Message]) -> int:
        """At most what the messages add to a request."""
        tokens = 0
        for message in messages:
            if (text := message.bare) is None:
                return self._billed(messages)
            tokens += MESSAGE + 1 + self._counter.count(text)
        return tokens

    def reckoned(self, outline: Outline, /) -> int | None:
        """As `cost` of the message that is made of it, unless the text has to be changed."""
        if outline.tokens is None:
            return None
        tokens = self._counter.reckoned(outline.tokens, outline.shape)
        return None if tokens is None else MESSAGE + 1 + tokens

    def _billed(self, messages: Sequence[Message]) -> int:
        bill = Bill(self._counter)
        payload = self._format.render([self._entry(message) for message in messages]).payload
        for message in payload[self._format.members[0]]:
            bill.message(message)
        return bill.tokens

    def write(self, content: Content) -> Written:
        """One request."""
        name = self._format.name
        messages = [*content.front, *content.turns]
        if name in _ALTERNATING and messages and messages[0].role == ASSISTANT:
            messages.insert(0, _opening(messages[0]))
        if name == ANTHROPIC:
            messages = _with_breakpoints(messages, len(content.front))
        system = self._system(content.instructions)
        payload, lost = self._rendered(system, messages)
        listed, *slots = self._format.members
        if name in _ALTERNATING:
            payload[listed] = _alternating(payload[listed], _ALTERNATING[name])
        bill = Bill(self._counter, guessed=name not in _PLAIN)  # what costs.py knows of
        bill.request(payload.get(slots[0]) if slots else None, payload[listed])
        return Written(payload, bill.tokens, self._counter.exact and not bill.guessed, lost)

    def _rendered(
        self, system: Sequence[dict[str, Any]], messages: Sequence[Message]
    ) -> tuple[dict[str, Any], list[Message]]:
        """A request of it all, and the messages that lost a part."""
        payload = self._format.render(list(system)).payload
        found: list[Any] = payload[self._format.members[0]]
        lost: list[Message] = []
        plain = _PLAIN.get(self._format.name)
        if plain is None:
            return self._made(system, messages, lost), lost
        for are_plain, group in groupby(messages, key=_is_plain):
            if are_plain:
                found += [plain(message.role, message.parts[0]["text"]) for message in group]
            else:
                found += self._made((), list(group), lost)[self._format.members[0]]
        return payload, lost

    def _made(
        self, system: Sequence[dict[str, Any]], run: Sequence[Message], lost: list[Message]
    ) -> dict[str, Any]:
        """A request as the format makes it; `lost` learns which messages lost a part."""
        made = self._format.render([*system, *map(self._entry, run)])
        losses = [loss for loss in made.losses if loss.dropped]
        lost += [
            run[i - len(system)]
            for i in sorted({_index(loss.pointer) for loss in losses})
            if i >= len(system) and _part_lost(losses, i)
        ]
        return made.payload

    def _system(self, instructions: Sequence[Message]) -> list[dict[str, Any]]:
        """One entry for all instructions, in the slot that the provider has for them."""
        text = "\n\n".join(part["text"] for each in instructions for part in each.parts)
        if not text:
            return []
        if self._format.name == ANTHROPIC:
            block = {"type": "text", "text": text, **_BREAKPOINT}
            return [{"role": SYSTEM, "content": [block]}]
        noted = {RESPONSES: {"instructions": True}}
        return [{"role": SYSTEM, "content": text, "metadata": noted}]

    def _entry(self, message: Message) -> dict[str, Any]:
        bare = None if self._format.name == ANTHROPIC else message.bare
        return {
            "role": message.role,
            "content": list(message.parts) if bare is None else bare,
        }


def _is_plain(message: Message) -> bool:
    return message.bare is not None and message.role in _GEMINI_ROLES


def _index(pointer: str) -> int:
    return int(pointer.split("/", 2)[1])


def _part_lost(losses: Sequence[Any], index: int) -> bool:
    """Whether a whole part or message is lost, not only a member such as a name."""
    return any(_index(loss.pointer) == index and loss.pointer.count("/") <= 3 for loss in losses)


def _opening(first: Message) -> Message:
    return Message(USER, ({"type": "text", "text": BEGINNING},), first.mark)


def _with_breakpoints(messages: Sequence[Message], front: int) -> list[Message]:
    """Cache breakpoints behind the data in front, and behind the newest message.

    The provider looks for the longest part that it has cached up to 20 blocks back from a
    breakpoint, so the one that the last window had at its end is found again.
    """
    found = list(messages)
    for i in {front - 1, len(found) - 1} - {-1}:
        *parts, last = found[i].parts
        marked: Part = {**last, **_BREAKPOINT}
        old = found[i]
        found[i] = Message(old.role, (*parts, marked), old.mark, old.seq, old.trust, old.marked)
    return found


def _alternating(messages: Sequence[dict[str, Any]], inner: str) -> list[dict[str, Any]]:
    """Messages of one role behind each other as one message."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if found and found[-1]["role"] == message["role"]:
            found[-1][inner] = [*_blocks(found[-1][inner]), *_blocks(message[inner])]
        else:
            found.append(dict(message))
    return found


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
