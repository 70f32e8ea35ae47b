"""Units that are chosen by their outline, and read when they are shown.

Of a long conversation about a third to all of the room is shown (`trimming`), so most of what
could fit is only weighed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from backstory import limits
from backstory.domain.chains import Span
from backstory.domain.entries import MESSAGE, Outline
from backstory.ports.store import EntryQuery
from backstory.rendering import aside
from backstory.rendering.ledger import lost
from backstory.rendering.logs import Cost, Log, Reads
from backstory.rendering.messages import ASSISTANT, FOREIGN, USER
from backstory.rendering.units import Unit

_GAP: Final = 32  # entries that are read along rather than asked for another time


def unit_of(outline: Outline, reckoned: Callable[[Outline], int | None]) -> Unit | None:
    """The unit of a message that stands as it was written, None where it has to be read."""
    if outline.type != MESSAGE or not outline.tokens:
        return None
    if outline.role != ASSISTANT and (outline.role != USER or outline.author.trust in FOREIGN):
        return None
    tokens = reckoned(outline)
    return None if tokens is None else Unit([], tokens, {outline.seq}, outline)


def runs(seqs: Iterable[int]) -> list[Span]:
    """Spans that hold the seqs, in order; what lies far from each other is in two of them."""
    found: list[Span] = []
    for seq in sorted(seqs):
        if found and seq - found[-1][1] <= _GAP:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return found


async def read(log: Log, reads: Reads, units: Sequence[Unit]) -> None:
    """Read the entries of units, as many as are not erased meanwhile."""
    late = log.late
    seqs = [unit.first for unit in units]
    for first, last in runs(seq for seq in seqs if seq not in late):
        after, more = first - 1, True
        while more:
            query = EntryQuery(after, last + 1, limits.PAGE_MAX, limits.PAGE_BYTES)
            page = await reads.store.page(reads.tenant, log.view.chain, query)
            for entry in page.entries:
                late[entry.seq] = entry
            after, more = page.entries[-1].seq if page.entries else last, page.more
    log.weight += aside.counted(late[seq] for seq in seqs if seq in late)


def take_in(log: Log, units: Sequence[Unit], cost: Cost) -> bool:
    """Make the messages of units that were read; whether all cost what their outlines told.

    Those that have none are no units any more.
    """
    late, messages = log.late, log.reader.messages
    same = True
    gone: set[int] = set()
    for unit in units:
        entry = late.get(unit.first)
        made, reason = ([], None) if entry is None else messages(entry)
        if made:
            tokens = cost(made)
            same = same and tokens == unit.tokens
            unit.messages, unit.tokens, unit.outline = made, tokens, None
            continue
        gone.add(id(unit))
        if reason is not None:
            log.rows.append(lost(log.name, unit.first, reason, unit.trust.word))
    if gone:
        log.turns = [unit for unit in log.turns if id(unit) not in gone]
    return same and not gone
