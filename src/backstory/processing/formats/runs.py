"""Messages in which tool results stand beside what the user says, as Anthropic and Gemini have it.

Each result becomes an entry of role `tool`, what stands between them one of role `user`. Put
back, results that follow each other share a message. Where messages came otherwise, the
entry notes it: `joined` to the message before, or `separate` from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from backstory.domain.messages import Entry
from backstory.domain.parts import TOOL_RESULT, Content, Part
from backstory.processing.formats.shapes import Json
from backstory.processing.formats.turns import TOOL, USER, Turn, entry


def read_runs(
    parts: Sequence[Part],
    provider: str,
    *,
    after_tool: bool,
    marks: Mapping[str, Any],
    members: Mapping[str, Any],
) -> Iterator[Entry]:
    """The entries of one message; `after_tool` says whether the entry before it is a result."""
    first = True
    previous = TOOL if after_tool else USER
    for role, content in _runs(parts):
        noted: dict[str, Any] = {**marks} if first else {}
        if first and role == previous == TOOL:
            noted["separate"] = True
        elif not first and not role == previous == TOOL:
            noted["joined"] = True
        yield entry(role, content, provider, noted, members if first else None)
        first, previous = False, role


def _runs(parts: Sequence[Part]) -> Iterator[tuple[str, list[Part]]]:
    for result, run in groupby(parts, key=lambda part: part["type"] == TOOL_RESULT):
        members = list(run)
        if result:
            yield from ((TOOL, [part]) for part in members)
        else:
            yield USER, members


def joins(turn: Turn, previous: Turn | None) -> bool:
    """Whether a turn goes into the message of the one before it."""
    if previous is None or {turn.role, previous.role} - {TOOL, USER}:
        return False
    if turn.marks.get("joined") is True:
        return True
    return turn.role == previous.role == TOOL and turn.marks.get("separate") is not True


@dataclass(slots=True)
class Messages:
    """Messages being written, with the turn that the last one ends with."""

    found: list[Json] = field(default_factory=list)
    last: Turn | None = None

    def add(self, turn: Turn, message: Json, member: str) -> None:
        """A message for a turn, or its parts under `member` at the end of the message before."""
        before = self.found[-1].get(member) if self.found else None
        parts = message.get(member)
        if joins(turn, self.last) and isinstance(before, list) and isinstance(parts, list):
            before.extend(parts)
        else:
            self.found.append(message)
        self.last = turn


def is_one_run(content: Content) -> bool:
    """Whether no tool result stands in it."""
    return isinstance(content, str) or all(part["type"] != TOOL_RESULT for part in content)
