"""Units: what is kept or dropped as one. A tool call and its results are never torn.

Results stand directly behind their call, in the order of the calls, as all providers want.
A message that is one text is a unit by itself, so its outline is enough to choose by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backstory.domain.entries import Outline
from backstory.domain.parts import TOOL_CALL, Part
from backstory.domain.principals import Trust
from backstory.rendering.messages import ASSISTANT, TOOL, USER, Message, Reader


@dataclass(slots=True)
class Unit:
    """Messages that stay together. `first` is the seq of the first entry.

    One with an `outline` was not read yet and has no messages; `tokens` are what it will cost,
    or a little more or less.
    """

    messages: list[Message]
    tokens: int = 0
    seqs: set[int] = field(default_factory=set)
    outline: Outline | None = None

    @property
    def first(self) -> int:
        return self.messages[0].seq if self.outline is None else self.outline.seq

    @property
    def trust(self) -> Trust:
        """That of the first message."""
        return self.messages[0].trust if self.outline is None else self.outline.author.trust

    @property
    def begins_turn(self) -> bool:
        """Whether a window may begin here for every provider."""
        return (self.messages[0] if self.outline is None else self.outline).role == USER


@dataclass(frozen=True, slots=True)
class Lost:
    """An entry, or a part of one, that no message could be made of."""

    seq: int
    reason: str
    trust: str


NO_RESULT = "tool call without result"


def units_of(turns: Iterable[Message | Unit], reader: Reader) -> tuple[list[Unit], list[Lost]]:
    """Units in the order of their first entries; those that are units already stay as they are."""
    units: list[Unit] = []
    waiting: list[tuple[Unit, Part]] = []
    results: dict[int, tuple[Unit, Message]] = {}
    for message in turns:
        if isinstance(message, Unit):
            units.append(message)
            continue
        if message.role == TOOL:
            _answer(message, waiting, results, units, reader)
            continue
        if message.bare is not None:
            units.append(Unit([message], seqs={message.seq}))
            continue
        named = _with_ids(message)
        unit = Unit([named])
        units.append(unit)
        if message.role == ASSISTANT:
            waiting += [(unit, part) for part in named.parts if part["type"] == TOOL_CALL]
    answered = {key: found[1] for key, found in results.items()}
    lost: list[Lost] = []
    kept = [closed for unit in units if (closed := _closed(unit, answered, lost)) is not None]
    return kept, lost


def _with_ids(message: Message) -> Message:
    """Each call with an id; one that came without is named by its place."""
    if not any(part["type"] == TOOL_CALL for part in message.parts):
        return message
    parts = tuple(
        {**part, "id": f"call_{message.seq}_{i}"}
        if part["type"] == TOOL_CALL and not part.get("id")
        else part
        for i, part in enumerate(message.parts)
    )
    return message._replace(parts=parts)


def _answer(
    message: Message,
    waiting: list[tuple[Unit, Part]],
    results: dict[int, tuple[Unit, Message]],
    units: list[Unit],
    reader: Reader,
) -> None:
    part = message.parts[0]
    found = next((pair for pair in waiting if _fits(pair[1], part)), None)
    if found is None:
        units.append(Unit([reader.as_data(message, ", a tool result without its call")]))
        return
    waiting.remove(found)
    unit, call = found
    given = {**part, "tool_call_id": call["id"], "name": call["name"]}
    results[id(call)] = (unit, message._replace(parts=(given,)))


def _fits(call: Part, result: Part) -> bool:
    if "tool_call_id" in result:
        return bool(call["id"] == result["tool_call_id"])
    return bool(result.get("name", call["name"]) == call["name"])


def _closed(unit: Unit, answered: dict[int, Message], lost: list[Lost]) -> Unit | None:
    """The unit with its results; calls that nothing answers are left out.

    A unit that has its seqs was closed when it was made.
    """
    if unit.seqs:
        return unit
    head = unit.messages[0]
    if head.role != ASSISTANT:
        return _seen(unit)
    calls = [part for part in head.parts if part["type"] == TOOL_CALL]
    if not calls:
        return _seen(unit)
    open_ = {id(call) for call in calls if id(call) not in answered}
    if open_:
        lost.append(Lost(head.seq, NO_RESULT, head.trust.word))
    parts = tuple(part for part in head.parts if id(part) not in open_)
    if not parts:
        return None
    results = [answered[id(call)] for call in calls if id(call) not in open_]
    return _seen(Unit([head._replace(parts=parts), *results]))


def _seen(unit: Unit) -> Unit:
    unit.seqs = {message.seq for message in unit.messages}
    return unit


def seqs_of(units: Sequence[Unit]) -> set[int]:
    """The seqs of all entries in the units."""
    return {seq for unit in units for seq in unit.seqs}
