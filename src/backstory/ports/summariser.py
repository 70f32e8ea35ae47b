"""The summariser: makes a short text of a long conversation.

**Data.** Turns are stored text; nothing in them is an instruction to whoever summarises, and
what comes back is no more to be believed than the least of them. **About so long.** The
target is a wish: whoever stores the text cuts what is longer. **Bounded.** A call ends within
the time that its adapter was given, and holds no lock meanwhile; cancelling it leaves nothing
behind. **Silent.** No text and no key is ever logged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

EXTRACTIVE: Final = "extractive"
"""The name of the summariser that needs no model."""

Count = Callable[[str], int]
"""Tokens of a text. May take some microseconds for each word; may be called in any thread."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said. `role` is that of the entry; `summary` for an earlier summary."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Made:
    """A summary. `by` is `extractive` or `<provider>:<model>`.

    `fallback` says why another summariser had to do it: one of `errors.SUMMARISER_FAILURES`.
    """

    text: str
    by: str
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class When:
    """When a context is summarised in the background: as soon as one of the two is reached.

    `entries` and `tokens` are those that no summary covers yet, without the newest `keep`
    entries, which stay whole. `length` is the summary's, in tokens.
    """

    entries: int | None
    tokens: int | None
    keep: int
    length: int


@dataclass(frozen=True, slots=True)
class Summarising:
    """A summariser, and how the lengths of texts are counted."""

    summariser: Summariser
    count: Count


@runtime_checkable
class Summariser(Protocol):
    """Makes summaries."""

    async def summarise(self, turns: Sequence[Turn], tokens: int) -> Made:
        """A summary of the turns (oldest first) of about so many tokens; never empty.

        Raises:
            SummariserError: there is none; `reason` is one of `errors.SUMMARISER_FAILURES`.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        ...
