"""What a strategy is: how a source's entries are read, and which of them are shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from backstory.rendering.ledger import Row
from backstory.rendering.logs import Fits, Log, Reads
from backstory.rendering.units import Unit


@dataclass(slots=True)
class Picked:
    """Units that are shown, in their order, and those that are not, with the reason.

    `front` stands before the turns of all sources.
    """

    turns: list[Unit] = field(default_factory=list)
    dropped: list[tuple[list[Unit], str]] = field(default_factory=list)
    front: list[Unit] = field(default_factory=list)


class Strategy(Protocol):
    """One row of the table. Equal logs and rooms give equal choices."""

    @property
    def name(self) -> str:
        """As a request names it."""
        ...

    @property
    def meaning(self) -> str:
        """One sentence for the reference."""
        ...

    @property
    def pinned(self) -> bool:
        """Whether all of the source has to be in the window, state and content included."""
        ...

    @property
    def searches(self) -> bool:
        """Whether it looks for a `query`, at present only."""
        ...

    async def gather(self, log: Log, reads: Reads, room: int) -> None:
        """Read what `room` tokens may show into the log."""
        ...

    def choose(self, log: Log, room: int, fits: Fits) -> Picked:
        """Which of it stands in `room` tokens."""
        ...

    def unread(self, log: Log) -> list[Row]:
        """Rows for the entries that were not even read."""
        ...
