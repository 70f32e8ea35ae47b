"""Reading entries for strategies: no more of them than could be shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from backstory import limits
from backstory.domain.entries import Entry
from backstory.ports.store import EntryQuery
from backstory.rendering import aside
from backstory.rendering.ledger import ENTRIES, Row, spans
from backstory.rendering.logs import Cost, Log, Reads
from backstory.rendering.messages import SYSTEM, Message
from backstory.rendering.units import Unit, units_of

BYTES: Final = 6  # of entries for one token, or a little less
_LEADING: Final = 32  # entries at the beginning that are looked at for instructions
_FIRST: Final = 2  # of those; rarely is there a need to look at more
_FURTHER: Final = 256  # entries read to find the call of a result


async def newest(log: Log, reads: Reads, room: int) -> list[Entry]:
    """The first entries as far as they instruct, and the newest to fill the room."""
    found: list[Entry] = []
    used, more, counted, further = 0, True, 0, 0
    while more and (used <= room or (_results_open(found) and further < _FURTHER)):
        query = EntryQuery(
            before=found[-1].seq if found else limits.SEQ_MAX + 1,
            limit=min(limits.PAGE_MAX, max(16, room // 8)),
            max_bytes=min(limits.PAGE_BYTES, max(4096, (room - used) * BYTES)),
            descending=True,
        )
        page = await reads.store.page(reads.tenant, log.view.chain, query)
        further += len(page.entries) if used > room else 0
        found += page.entries
        more = page.more and bool(page.entries)
        if more:
            latest = found[counted:]
            used += await aside.run(aside.weight(latest), tokens, log, latest, reads.cost)
            counted = len(found)
    found.reverse()
    log.whole = not more
    if log.whole or not found:
        return found
    log.unread, log.read = found[0].seq - 1, len(found)
    return [*await leading(log, reads, found[0].seq), *found]


async def leading(log: Log, reads: Reads, before: int) -> list[Entry]:
    """The entries at the beginning that instruct, up to the first that does not."""
    found: list[Entry] = []
    for limit in (_FIRST, _LEADING):
        query = EntryQuery(before=before, limit=limit)
        entries = (await reads.store.page(reads.tenant, log.view.chain, query)).entries
        found = list(takewhile(lambda entry: _instructs(log, entry), entries))
        if len(found) < limit:
            break
    return found


def _instructs(log: Log, entry: Entry) -> bool:
    made, _ = log.reader.messages(entry)
    return bool(made) and made[0].role == SYSTEM


def tokens(log: Log, entries: Sequence[Entry], cost: Cost) -> int:
    """What the entries cost, about."""
    made = map(log.reader.messages, entries)
    return sum([cost(messages) for messages, _ in made if messages])


def sort(log: Log, entries: Sequence[Entry], cost: Cost) -> None:
    """Adds instructions, units of turns, and rows for what no message could be made of.

    The entries follow each other; calls find their results among them.
    """
    turns: list[Message] = []
    log.weight += aside.weight(entries)
    for entry in entries:
        made, reason = log.reader.messages(entry)
        if reason is not None:
            log.rows.append(_row(log, entry.seq, reason, entry.author.trust.word))
        for message in made:
            if message.role == SYSTEM:
                unit = Unit([message], cost([message]), {message.seq})
                log.instructions.append(unit)
            else:
                turns.append(message)
    units, lost = units_of(turns, log.reader)
    for unit in units:
        unit.tokens = cost(unit.messages)
    log.turns += units
    log.rows += [_row(log, each.seq, each.reason, each.trust) for each in lost]


def _results_open(descending: Sequence[Entry]) -> bool:
    """Whether the oldest entry read is a tool's, so that its call may lie before it."""
    return bool(descending) and descending[-1].role == "tool"


def _row(log: Log, seq: int, reason: str, trust: str) -> Row:
    return Row(log.name, ENTRIES, 0, 1, reason, trust, 0, spans([seq]))
