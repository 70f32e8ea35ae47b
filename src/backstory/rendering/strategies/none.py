"""`none`: no entries, only what else the source has."""

from __future__ import annotations

from backstory.rendering import ledger
from backstory.rendering.ledger import ENTRIES, Row
from backstory.rendering.logs import Fits, Log, Reads
from backstory.rendering.strategies.strategy import Picked


class NoEntries:
    """Reads nothing."""

    name = "none"
    meaning = "no entries"
    pinned = False
    searches = False

    async def gather(self, log: Log, reads: Reads, room: int) -> None:
        """Nothing."""
        del log, reads, room

    def choose(self, log: Log, room: int, fits: Fits) -> Picked:
        """Nothing."""
        del log, room, fits
        return Picked()

    def unread(self, log: Log) -> list[Row]:
        """All of them."""
        if not log.entry_count:
            return []
        last = log.view.snapshot.head.last_seq
        return [
            Row(log.name, ENTRIES, 0, log.entry_count, ledger.NOT_ASKED, None, None, [[1, last]])
        ]
