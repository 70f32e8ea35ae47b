"""Entries made ready for messages: known roles, one result in each tool entry, ids for calls.

Providers agree on little about tool results: one wants a message for each, another all of
them in one message of the user. Ours stand one to an entry of role `tool`; each format joins
them as its provider wants, and notes under its own name in `metadata` where messages came
joined in another way.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

from backstory.domain.entries import MESSAGE
from backstory.domain.messages import Entry, Losses
from backstory.domain.parts import OTHER, TOOL_CALL, TOOL_RESULT, Content, Part, violations
from backstory.errors import SchemaError

SYSTEM: Final = "system"
DEVELOPER: Final = "developer"
USER: Final = "user"
ASSISTANT: Final = "assistant"
TOOL: Final = "tool"
ROLES: Final = frozenset({SYSTEM, DEVELOPER, USER, ASSISTANT, TOOL})

MEMBERS: Final = "members"


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry, or a run of its parts.

    `marks` is what the format noted when it read the entry, `members` what of the message it
    had no name for. `pointer` is that of the entry and `first` the index of the first part.
    """

    role: str
    content: Content
    pointer: str
    first: int = 0
    marks: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The JSON Pointer of the content."""
        return f"{self.pointer}/content"

    def part_place(self, index: int) -> str:
        """The JSON Pointer of one of the parts."""
        return f"{self.place}/{self.first + index}"


def entry(
    role: str,
    content: Content,
    provider: str,
    marks: Mapping[str, Any] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Entry:
    """An entry with what its format has to remember."""
    noted = {**(marks or {}), **({MEMBERS: dict(members)} if members else {})}
    made: Entry = {"role": role, "content": content}
    return {**made, "metadata": {provider: noted}} if noted else made


def turns(entries: Sequence[Mapping[str, Any]], provider: str, losses: Losses) -> list[Turn]:
    """The entries as turns; what no message can hold is noted as lost.

    Raises:
        SchemaError: the content of an entry is not made of the parts we know.
    """
    wrong = [
        v for i, e in enumerate(entries) for v in violations(e.get("content"), f"/{i}/content")
    ]
    if wrong:
        raise SchemaError(f"{wrong[0].pointer}: {wrong[0].detail}", errors=tuple(wrong[:100]))
    found: list[Turn] = []
    for i, each in enumerate(entries):
        if each.get("type", MESSAGE) != MESSAGE or str(each.get("role")) not in ROLES:
            losses.dropped(f"/{i}", "no message of a role that models know")
        else:
            found += _split(_turn(each, f"/{i}", provider, losses), losses)
    return found


def _turn(each: Mapping[str, Any], pointer: str, provider: str, losses: Losses) -> Turn:
    metadata = each.get("metadata") or {}
    noted = metadata.get(provider)
    noted = noted if isinstance(noted, dict) else {}
    members = noted.get(MEMBERS)
    for name, others in metadata.items():
        if name != provider and isinstance(others, dict) and others.get(MEMBERS):
            losses.dropped(f"{pointer}/metadata/{name}/members", f"only {name} knows these")
    return Turn(
        each["role"],
        each["content"],
        pointer,
        marks={k: v for k, v in noted.items() if k != MEMBERS},
        members=members if isinstance(members, dict) else {},
    )


def _split(turn: Turn, losses: Losses) -> Iterator[Turn]:
    """One tool result to a turn, and none in a turn of the user."""
    if turn.role == TOOL:
        results = _results(turn, losses)
    elif turn.role == USER and any(part["type"] == TOOL_RESULT for part in _parts(turn)):
        results = list(_runs(turn))
    else:
        yield turn
        return
    if len(results) > 1 or (turn.role == USER and results[0].role == TOOL):
        losses.changed(turn.place, "tool results go one to an entry of role tool")
    for i, each in enumerate(results):
        yield each if i == 0 else replace(each, marks={}, members={})


def _parts(turn: Turn) -> list[Part]:
    return turn.content if isinstance(turn.content, list) else []


def _results(turn: Turn, losses: Losses) -> list[Turn]:
    found = []
    for i, part in enumerate(_parts(turn)):
        if part["type"] in {TOOL_RESULT, OTHER}:
            found.append(replace(turn, content=[part], first=i))
        else:
            losses.dropped(turn.part_place(i), "an entry of role tool holds a tool result")
    if not _parts(turn):
        losses.dropped(turn.pointer, "an entry of role tool holds a tool result")
    return found


def _runs(turn: Turn) -> Iterator[Turn]:
    numbered = enumerate(_parts(turn))
    for result, run in groupby(numbered, key=lambda pair: pair[1]["type"] == TOOL_RESULT):
        members = list(run)
        if result:
            for i, part in members:
                yield replace(turn, role=TOOL, content=[part], first=i)
        else:
            yield replace(turn, content=[part for _, part in members], first=members[0][0])


def with_ids(found: Sequence[Turn], losses: Losses) -> list[Turn]:
    """Each call with an id and each result with that of its call, for providers that ask for it.

    A result without one answers the oldest open call of its tool.
    """
    waiting: dict[str, deque[str]] = defaultdict(deque)
    return [_with_ids(turn, i, waiting, losses) for i, turn in enumerate(found)]


def _with_ids(turn: Turn, index: int, waiting: dict[str, deque[str]], losses: Losses) -> Turn:
    parts: list[Part] = []
    for i, part in enumerate(_parts(turn)):
        if part["type"] == TOOL_CALL and turn.role == ASSISTANT and "id" not in part:
            made = f"call_{index}_{turn.first + i}"
            waiting[part["name"]].append(made)
            losses.changed(turn.part_place(i), "the call was given an id")
            parts.append({**part, "id": made})
        elif part["type"] == TOOL_RESULT and turn.role == TOOL and "tool_call_id" not in part:
            queue = waiting[part.get("name", "")]
            if not queue:
                parts.append(part)
                continue
            losses.changed(turn.part_place(i), "the result was given the id of its call")
            parts.append({**part, "tool_call_id": queue.popleft()})
        else:
            parts.append(part)
    return replace(turn, content=parts) if isinstance(turn.content, list) else turn
