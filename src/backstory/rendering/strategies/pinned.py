"""`pinned`: all entries, or an error that says how far they are over the budget."""

from __future__ import annotations

from backstory import limits
from backstory.domain.entries import Entry
from backstory.errors import RenderBudgetError
from backstory.ports.store import EntryQuery
from backstory.rendering import aside
from backstory.rendering.ledger import Row
from backstory.rendering.logs import Fits, Log, Reads
from backstory.rendering.strategies.reading import BYTES, sort, tokens
from backstory.rendering.strategies.strategy import Picked


class Pinned:
    """Reads every entry, as long as they could fit at all."""

    name = "pinned"
    meaning = "all, or an error; state and content are pinned, too"
    pinned = True
    searches = False

    async def gather(self, log: Log, reads: Reads, room: int) -> None:
        """All of it.

        Raises:
            RenderBudgetError: they are many times more than the budget.
        """
        entries: list[Entry] = []
        most = room * BYTES * 8
        more = True
        while more:
            query = EntryQuery(after=entries[-1].seq if entries else 0, limit=limits.PAGE_MAX)
            page = await reads.store.page(reads.tenant, log.view.chain, query)
            entries += page.entries
            more = page.more
            if more and sum(entry.size for entry in entries) > most:
                heavy = aside.weight(entries)
                counted = await aside.run(heavy, tokens, log, entries, reads.cost)
                if counted > room:
                    raise _far_over(log, len(entries), counted, room)
        await aside.run(aside.weight(entries), sort, log, entries, reads.cost)

    def choose(self, log: Log, room: int, fits: Fits) -> Picked:
        """All of it, whatever the room."""
        del room, fits
        return Picked(list(log.turns))

    def unread(self, log: Log) -> list[Row]:
        """None."""
        del log
        return []


def _far_over(log: Log, read: int, counted: int, room: int) -> RenderBudgetError:
    missing = counted - room
    return RenderBudgetError(
        f"{log.name} is pinned and has {log.entry_count} entries; the first {read} alone are "
        f"{missing} tokens over the {room} that there are",
        source=log.name,
        needed=counted,
        available=room,
        missing=missing,
    )
