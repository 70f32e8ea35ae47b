"""From stored entries to messages that may be shown to a model.

Who wrote an entry decides where it may stand. Only text of role system or developer, which
needs the right to instruct, and of a trust other than `import` and `tool`, is an instruction;
all else is data. What a provider's format keeps for itself (members under its name, parts
that only it knows, its reasoning) is left out: it would pass on stored words unread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from backstory.domain.counting import one_text
from backstory.domain.entries import INSTRUCTING_ROLES, MESSAGE, REDACTED, Entry
from backstory.domain.parts import (
    OTHER,
    REASONING,
    REFUSAL,
    TEXT,
    TOOL_CALL,
    TOOL_RESULT,
    Part,
    as_list,
    violations,
)
from backstory.domain.parts import (
    text as text_part,
)
from backstory.domain.principals import Trust
from backstory.domain.summaries import SUMMARY
from backstory.domain.telling import told
from backstory.rendering.marks import Guarded, prefixed
from backstory.rendering.native import translated

SYSTEM: Final = "system"
USER: Final = "user"
ASSISTANT: Final = "assistant"
TOOL: Final = "tool"

FOREIGN: Final = frozenset({Trust.TOOL, Trust.IMPORT})
"""Trusts whose text never instructs, and is marked where it stands in a user's place."""

_EXTRAS: Final = frozenset({"extra", "custom"})


class Message(NamedTuple):
    """One message of a window: parts of our vocabulary, and where they come from.

    `mark` is that of its source, `marked` tells that the message shows it.
    """

    role: str
    parts: tuple[Part, ...]
    mark: str
    seq: int = 0
    trust: Trust = Trust.USER
    marked: bool = False

    @property
    def bare(self) -> str | None:
        """The text, if it is one text and nothing else."""
        if len(self.parts) != 1:
            return None
        (alone,) = self.parts
        return alone["text"] if len(alone) == 2 and "text" in alone else None


Made = tuple[list[Message], str | None]
"""The messages of an entry, or why it has none."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes messages of the entries of one source, each once.

    `know` hears of the texts whose tokens were kept with their entries.
    """

    mark: str
    guarded: Guarded
    know: Callable[[str, int], None]
    _made: dict[int, Made] = field(default_factory=dict)

    def messages(self, entry: Entry) -> Made:
        """The messages of an entry, or why it has none."""
        made = self._made.get(entry.seq)
        if made is None:
            made = self._made[entry.seq] = self._make(entry)
        return made

    def _make(self, entry: Entry) -> Made:
        if entry.type == REDACTED:
            return [], "redacted"
        if entry.type == SUMMARY:
            return [], "summary"
        if entry.type != MESSAGE:
            return [], "no message"
        content = orjson.loads(entry.content)
        if entry.tokens is not None and (counted := one_text(content)) is not None:
            self.know(counted, entry.tokens)
        if isinstance(content, str):
            if not content or content.isspace():
                return [], "empty"
            part = {"type": TEXT, "text": self.guarded.text(content)}
            return [self._placed(entry, (part,))], None
        parts = self.guarded.value(list(_parts(content)))
        made = [self._placed(entry, run) for run in _runs(entry.role, parts)]
        return (made, None) if made else ([], "empty")

    def _placed(self, entry: Entry, parts: Sequence[Part]) -> Message:
        """A run of parts in the role that it may have."""
        role, trust = entry.role, entry.author.trust
        made = Message(role, tuple(parts), self.mark, entry.seq, trust)
        if parts[0]["type"] == TOOL_RESULT:
            return made._replace(role=TOOL)
        if role == ASSISTANT or (role == USER and trust not in FOREIGN):
            return made
        if role in INSTRUCTING_ROLES and trust not in FOREIGN:
            return made._replace(role=SYSTEM, parts=tuple(text_part(told(p)) for p in parts))
        return self.as_data(made, "" if role == USER else f", written as {role[:32]}")

    def as_data(self, message: Message, more: str = "") -> Message:
        """The message in the user's place, behind the mark of its source."""
        text = prefixed(self.mark, f"trust={message.trust.word}{self.guarded.text(more)}", "")
        parts = [
            part if part["type"] != TOOL_RESULT else text_part(told(part)) for part in message.parts
        ]
        if parts[0]["type"] == TEXT:
            parts[0] = {"type": TEXT, "text": text + parts[0]["text"]}
        else:
            parts.insert(0, {"type": TEXT, "text": text.rstrip()})
        return message._replace(role=USER, parts=tuple(parts), marked=True)


def _parts(content: Any) -> Iterator[Part]:
    """Parts that every model may see, none of them empty."""
    given = [translated(part) for part in content] if isinstance(content, list) else content
    if violations(given):
        yield {"type": TEXT, "text": orjson.dumps(content).decode()}
        return
    for part in as_list(given):
        if part["type"] == REFUSAL:
            yield {"type": TEXT, "text": part["text"]}
        elif part["type"] in {OTHER, REASONING} or (
            part["type"] == TEXT and not part["text"].strip()
        ):
            continue
        else:
            yield _plain(part)


def _plain(part: Part) -> Part:
    kept = {name: value for name, value in part.items() if name not in _EXTRAS}
    if part["type"] == TOOL_RESULT:
        kept["content"] = _result(part.get("content", ""))
    if part["type"] == TOOL_CALL:
        kept.setdefault("arguments", {})
    return kept


def _result(content: Any) -> str | list[Part]:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return orjson.dumps(content).decode()
    return list(_parts(content)) or ""


def _runs(role: str, parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Tool results one by one, what stands between them together.

    A call in any role but the assistant's would be no call to a provider, so it is told.
    """
    run: list[Part] = []
    for part in parts:
        if part["type"] == TOOL_RESULT:
            if run:
                yield run
            yield [part]
            run = []
        else:
            run.append(
                text_part(told(part)) if part["type"] == TOOL_CALL and role != ASSISTANT else part
            )
    if run:
        yield run
