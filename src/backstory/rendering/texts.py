"""Windows as plain text or Markdown, for models and people without a format of their own.

Each message begins with the mark of its source and its role. Stored text cannot hold a whole
mark, so it cannot begin a message of its own, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backstory.domain.entries import Outline
from backstory.domain.telling import told
from backstory.rendering.counters import Tally
from backstory.rendering.messages import Message
from backstory.rendering.outputs import Content, Written


@dataclass(frozen=True, slots=True)
class Style:
    """How a message and the line about a source look."""

    message: str
    source: str


STYLES: Final[Mapping[str, Style]] = {
    "text": Style("[{mark} {role}]\n{text}\n\n", "[{mark}] begins what comes from {source}.\n"),
    "markdown": Style(
        "### {role} `{mark}`\n\n{text}\n\n", "`{mark}` begins what comes from {source}.  \n"
    ),
}


class TextOutput:
    """A window as one text. `sources` are the names behind the marks."""

    def __init__(self, style: Style, counter: Tally, sources: Mapping[str, str]) -> None:
        self._style = style
        self._counter = counter
        self._sources = sources

    def cost(self, messages: Sequence[Message]) -> int:
        """About what the messages add; texts side by side may share or split a token."""
        return self._counter.count("".join(map(self._told, messages)))

    def reckoned(self, _: Outline, /) -> int | None:
        """Nobody can tell: a message is counted with what stands around its text."""
        return None

    def write(self, content: Content) -> Written:
        """All of it, instructions first."""
        messages = [*content.instructions, *content.front, *content.turns]
        shown = dict.fromkeys(message.mark for message in messages)
        legend = "".join(
            self._style.source.format(mark=mark, source=self._sources[mark]) for mark in shown
        )
        text = "\n".join(filter(None, [legend, "".join(map(self._told, messages))]))
        return Written(text, self._counter.count(text), self._counter.exact)

    def _told(self, message: Message) -> str:
        text = "\n".join(map(told, message.parts))
        if message.marked:  # it begins with the mark already
            return f"{text}\n\n"
        return self._style.message.format(mark=message.mark, role=message.role, text=text)
