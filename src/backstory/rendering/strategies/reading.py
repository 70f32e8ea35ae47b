"""Reading entries for strategies, and making units of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from backstory.domain.entries import Entry
from backstory.ports.store import EntryQuery
from backstory.rendering import aside
from backstory.rendering.ledger import lost
from backstory.rendering.logs import Cost, Log, Reads
from backstory.rendering.messages import SYSTEM, Message
from backstory.rendering.units import Unit, units_of

BYTES: Final = 6  # of entries for one token, or a little less
_LEADING: Final = 32  # entries at the beginning that are looked at for instructions
_FIRST: Final = 2  # of those; rarely is there a need to look at more

Item = Entry | Unit
"""What was read of an entry: all of it, or a unit with its outline."""


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


def sort(log: Log, items: Sequence[Item], cost: Cost) -> None:
    """Adds instructions, units of turns, and rows for what no message could be made of.

    The entries follow each other; calls find their results among them.
    """
    turns: list[Message | Unit] = []
    log.weight += aside.weight(items)
    for entry in items:
        if isinstance(entry, Unit):
            turns.append(entry)
            continue
        made, reason = log.reader.messages(entry)
        if reason is not None:
            log.rows.append(lost(log.name, entry.seq, reason, entry.author.trust.word))
        for message in made:
            if message.role == SYSTEM:
                unit = Unit([message], cost([message]), {message.seq})
                log.instructions.append(unit)
            else:
                turns.append(message)
    units, without = units_of(turns, log.reader)
    for unit in units:
        if unit.outline is None:
            unit.tokens = cost(unit.messages)
    log.turns += units
    log.rows += [lost(log.name, each.seq, each.reason, each.trust) for each in without]
