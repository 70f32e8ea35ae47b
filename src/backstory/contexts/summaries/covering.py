"""What a next summary covers: all that no summary covers yet, but for the newest entries.

A summary that goes on from earlier ones covers what they cover too, and is made of their
texts and the entries behind them. So its cost is that of what was said since, and the newest
summary alone stands in for all before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from backstory import limits
from backstory.domain.chains import Chain
from backstory.domain.entries import INSTRUCTING_ROLES, REDACTED, Entry, text_of_content
from backstory.domain.parts import violations
from backstory.domain.principals import Trust
from backstory.domain.summaries import SUMMARY, Summary, covers_of, standing
from backstory.domain.telling import told
from backstory.ports.store import EntryQuery, Store, View
from backstory.ports.summariser import Turn

_TOOL: Final = "tool"
_END: Final = limits.SEQ_MAX + 1


@dataclass(slots=True)
class Uncovered:
    """Entries from seq `first` to `last`, as turns; those of earlier summaries lead.

    `fresh` counts the turns that are no summaries. `trust` is that of the least trusted entry.
    `more` tells that the bounds of one summary cut the range short.
    """

    first: int
    last: int
    turns: list[Turn] = field(default_factory=list)
    fresh: int = 0
    size: int = 0
    trust: Trust = Trust.TOOL
    more: bool = False

    @property
    def full(self) -> bool:
        return self.fresh >= limits.SUMMARY_ENTRIES or self.size >= limits.SUMMARY_BYTES

    def believe(self, entry: Entry) -> None:
        """No more than the entry: text made from other text is not better than that."""
        self.trust = max(self.trust, entry.author.trust)


async def uncovered(
    store: Store, tenant: str, view: View, *, keep: int, through: int | None
) -> Uncovered | None:
    """What to cover of a context as it stands; None where there is nothing.

    The newest `keep` entries stay whole, and none behind seq `through` is covered. A tool's
    results stay with their call.
    """
    chain = view.chain
    start = await _start(store, tenant, chain)
    end = await _before_kept(store, tenant, chain, keep)
    end = end if through is None else min(end, through)
    newest = await store.summaries(tenant, chain, _END, limits.SUMMARIES_LOOKED)
    bases = standing(newest, start)
    frontier = bases[-1].last if bases else start - 1
    if end <= frontier:
        return None
    found = Uncovered(min([start, *(base.first for base in bases)]), frontier)
    await _read_bases(store, tenant, chain, bases, found)
    await _read_fresh(store, tenant, chain, end, found)
    return found if found.fresh else None


async def _start(store: Store, tenant: str, chain: Chain) -> int:
    """The first entry behind the leading instructions, which no summary stands in for."""
    page = await store.page(tenant, chain, EntryQuery(limit=limits.PAGE_DEFAULT))
    for entry in page.entries:
        if entry.role not in INSTRUCTING_ROLES:
            return entry.seq
    return page.entries[-1].seq + 1 if page.entries else 1


async def _before_kept(store: Store, tenant: str, chain: Chain, keep: int) -> int:
    """The last entry before the newest `keep`; summaries do not count."""
    last = chain.pieces[-1].last if chain.pieces else 0
    kept, before, role = 0, _END, ""
    while keep:
        query = EntryQuery(before=before, limit=limits.PAGE_MAX, descending=True)
        page = await store.page(tenant, chain, query)
        for entry in page.entries:
            if kept >= keep and role != _TOOL:
                return entry.seq
            if covers_of(entry.type, entry.metadata) is None:
                kept, role = kept + 1, entry.role
            before = entry.seq
        if not page.more:
            return 0
    return last


async def _read_bases(
    store: Store, tenant: str, chain: Chain, bases: Sequence[Summary], found: Uncovered
) -> None:
    for base in bases:
        page = await store.page(tenant, chain, EntryQuery(base.seq - 1, base.seq + 1, 1))
        for entry in page.entries:
            found.believe(entry)
            found.turns.append(Turn(SUMMARY, text_of(entry)))


async def _read_fresh(store: Store, tenant: str, chain: Chain, end: int, found: Uncovered) -> None:
    """The entries behind the frontier, as many as one summary takes."""
    more = True
    while more and not found.full:
        query = EntryQuery(found.last, end + 1, limits.PAGE_MAX)
        page = await store.page(tenant, chain, query)
        await asyncio.to_thread(_take, page.entries, found)
        more = page.more and bool(page.entries)
    found.more = found.full and found.last < end


def _take(entries: Sequence[Entry], found: Uncovered) -> None:
    for entry in entries:
        if found.full:
            return
        found.last = entry.seq
        found.believe(entry)
        # What a summary covers is covered by the standing ones, or is here itself.
        if entry.type == REDACTED or covers_of(entry.type, entry.metadata) is not None:
            continue
        text = text_of(entry)
        if text:
            found.turns.append(Turn(entry.role, text))
            found.fresh += 1
            found.size += len(text.encode())


def text_of(entry: Entry) -> str:
    """An entry as text: what was said, calls and results told; cut where it is long."""
    content = orjson.loads(entry.content)
    if isinstance(content, str):
        text = content
    elif violations(content):
        text = text_of_content(entry.content)
    else:
        text = "\n".join(map(told, content))
    return text.strip()[: limits.SUMMARY_ENTRY_CHARS]
