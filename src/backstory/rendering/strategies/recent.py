"""`recent`: the newest entries that fit, from a place that stays while the log grows."""

from __future__ import annotations

from backstory.rendering import aside, cutting, ledger, trimming
from backstory.rendering.ledger import ENTRIES, Row
from backstory.rendering.logs import Fits, Log, Reads
from backstory.rendering.strategies.newest import newest
from backstory.rendering.strategies.reading import sort
from backstory.rendering.strategies.strategy import Picked
from backstory.rendering.units import Unit


class Recent:
    """Reads from the newest entry back, until the room is filled."""

    name = "recent"
    meaning = "the newest that fit"
    pinned = False
    searches = False

    async def gather(self, log: Log, reads: Reads, room: int) -> None:
        """The newest, and the instructions that the log begins with."""
        entries = await newest(log, reads, room)
        await aside.run(aside.weight(entries), sort, log, entries, reads.cost)

    def choose(self, log: Log, room: int, fits: Fits) -> Picked:
        """The newest units that fit; one longer than all the room is cut to half of it."""
        return choose_newest(log, room, fits)

    def unread(self, log: Log) -> list[Row]:
        """Those before the ones that were read, but for leading instructions."""
        return older(log, log.entry_count)


def choose_newest(log: Log, room: int, fits: Fits) -> Picked:
    """As `Recent.choose`, of the units that a log holds."""
    units: list[Unit] = []
    large: list[Unit] = []
    for unit in log.turns:
        if unit.tokens <= room:
            units.append(unit)
            continue
        fitted, _ = fits.fitted(unit, max(room // 2, min(room, cutting.LEAST * 4)))
        if fitted is None:
            large.append(unit)
        else:
            units.append(fitted)
    first = trimming.start(units, room, whole=log.whole)
    turns = units[first:]
    dropped = {id(unit) for unit in units[:first]}
    begin = turns[0].first if turns else None
    before = [unit for unit in units if id(unit) in dropped]
    if begin is not None:
        before += [unit for unit in large if unit.first < begin]
        large = [unit for unit in large if unit.first >= begin]
    reason = ledger.OLDER if begin is not None else ledger.NO_ROOM
    return Picked(turns, [(before, reason), (large, ledger.TOO_LARGE)])


def older(log: Log, count: int) -> list[Row]:
    """A row for those of `count` entries that lie before the ones that were read."""
    if log.whole:
        return []
    leading = {seq for unit in log.instructions for seq in unit.seqs if seq <= log.unread}
    first = max(leading, default=0) + 1
    dropped = count - log.read - len(leading)
    if dropped <= 0:
        return []
    return [Row(log.name, ENTRIES, 0, dropped, ledger.OLDER, None, None, [[first, log.unread]])]
