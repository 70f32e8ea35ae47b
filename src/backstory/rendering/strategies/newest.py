"""From the newest entry back: by outlines, and no more content than the choice needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from backstory import limits
from backstory.domain.entries import Entry
from backstory.ports.store import EntryQuery, OutlineQuery
from backstory.rendering import aside
from backstory.rendering.logs import Cost, Log, Reads
from backstory.rendering.outlines import runs, unit_of
from backstory.rendering.strategies.reading import BYTES, Item, leading, tokens
from backstory.rendering.units import Unit

_FURTHER: Final = 256  # entries read to find the call of a result
_TOKENS: Final = 48  # of an entry, or a little less than most have
_LEAST: Final = 16  # outlines
_PART: Final = 8  # one part in so many is looked at beyond the room: where the turn before begins
_BEYOND: Final = 512  # tokens; at least so much, so that a small window's ledger tells more


async def newest(log: Log, reads: Reads, room: int) -> list[Item]:
    """The first entries as far as they instruct, and the newest to fill the room, in order."""
    found: list[Item] = []
    left = room + max(_BEYOND, room // _PART)
    before, more = limits.SEQ_MAX + 1, True
    while more and not _ends(found, left):
        items, more = await _some(log, reads, before, max(left, _LEAST * _TOKENS))
        if not items:  # erased meanwhile
            more = False
            break
        costs = await aside.run(aside.weight(items), _costs, log, items, reads.cost)
        before = _seq(items[-1])
        for item, cost in zip(items, costs, strict=True):
            if _ends(found, left):
                before, more = _seq(found[-1]), True
                break
            found.append(item)
            left -= cost
    found.reverse()
    log.whole = not more
    if log.whole or not found:
        return found
    log.unread, log.read = before - 1, len(found)
    return [*await leading(log, reads, before), *found]


def _ends(descending: list[Item], left: int) -> bool:
    """Whether the room is passed, and the oldest entry is no result whose call lies before it."""
    if left >= 0 or not descending:
        return False
    oldest = descending[-1]
    if isinstance(oldest, Unit) or oldest.role != "tool":
        return True
    results = takewhile(
        lambda item: isinstance(item, Entry) and item.role == "tool", reversed(descending)
    )
    return sum(1 for _ in results) >= _FURTHER


async def _some(log: Log, reads: Reads, before: int, room: int) -> tuple[list[Item], bool]:
    """What lies before a seq, the newest first, to fill the room; and whether there is more."""
    limit = min(limits.OUTLINES_MAX, max(_LEAST, room // _TOKENS))
    query = OutlineQuery(before, limit, room)
    page = await reads.store.outline(reads.tenant, log.view.chain, query)
    items: dict[int, Item | None] = {
        each.seq: unit_of(each, reads.reckoned) for each in page.outlines
    }
    least = await _read(log, reads, items, room)
    return (
        [item for seq, item in items.items() if item is not None and seq >= least],
        page.more or any(seq < least for seq in items),
    )


async def _read(log: Log, reads: Reads, items: dict[int, Item | None], room: int) -> int:
    """Fill in entries where an outline does not do; the last seq that was come to."""
    left = max(4096, room * BYTES)
    for first, last in reversed(runs(seq for seq, item in items.items() if item is None)):
        query = EntryQuery(
            first - 1, last + 1, limits.PAGE_MAX, min(limits.PAGE_BYTES, left), descending=True
        )
        page = await reads.store.page(reads.tenant, log.view.chain, query)
        for entry in page.entries:
            if items.get(entry.seq) is None:
                items[entry.seq] = entry
            else:
                log.late[entry.seq] = entry
            left -= entry.size
        if page.more or left <= 0:
            return page.entries[-1].seq if page.more else first
    return 0


def _costs(log: Log, items: Sequence[Item], cost: Cost) -> list[int]:
    return [item.tokens if isinstance(item, Unit) else tokens(log, (item,), cost) for item in items]


def _seq(item: Item) -> int:
    return item.first if isinstance(item, Unit) else item.seq
