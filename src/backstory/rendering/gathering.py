"""Reading what a window may need of its sources, and no more.

Entries are read from the newest back, until they fill the room that they could get; a
conversation of 100,000 entries costs what one of 200 costs. Rights are asked by the reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from backstory import limits
from backstory.domain.entries import Entry
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import CONVERSATION, PROMPT
from backstory.domain.principals import Principal, Trust
from backstory.errors import RenderBudgetError
from backstory.ports.store import EntryQuery, Store, View
from backstory.rendering.ledger import ENTRIES, Row, spans
from backstory.rendering.messages import FOREIGN, SYSTEM, Message, Reader
from backstory.rendering.requests import Source
from backstory.rendering.states import state_message
from backstory.rendering.units import Unit, units_of

Cost = Callable[[Sequence[Message]], int]

_LEADING: Final = 32  # entries at the beginning that are looked at for instructions
_BYTES: Final = 5  # of entries for one token, about
_FURTHER: Final = 256  # entries read to find the call of a result


class Views(Protocol):
    """Reading a context for those who may: `contexts.reading.Reader`."""

    async def view(self, principal: Principal, key: ContextKey, at: int | None = None) -> View:
        """Head, state and chain; MissingError, GoneError."""
        ...


@dataclass(slots=True)
class Gathered:
    """What was read of one source. `turns` are the newest units, oldest first.

    `whole`: there are no entries before `turns`. `unread` is the last seq that was
    not read, `read` how many entries behind it there are.
    """

    source: Source
    key: ContextKey
    view: View
    reader: Reader
    instructions: list[Unit] = field(default_factory=list)
    state: Unit | None = None
    state_trust: Trust = Trust.USER
    turns: list[Unit] = field(default_factory=list)
    whole: bool = True
    unread: int = 0
    read: int = 0
    rows: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.key)

    @property
    def strategy(self) -> str:
        """What becomes of the entries."""
        if self.source.entries is not None:
            return self.source.entries
        return "recent" if self.view.snapshot.head.kind == CONVERSATION else "none"

    @property
    def shows_state(self) -> bool:
        if self.source.state is not None:
            return self.source.state
        has_state = self.view.snapshot.state != b"{}"
        return has_state and self.view.snapshot.head.kind != CONVERSATION

    @property
    def pinned(self) -> bool:
        return self.source.entries == "pinned"


async def gather(found: Gathered, store: Store, tenant: str, cost: Cost, room: int) -> None:
    """Fill in state, instructions and turns, of which `room` tokens may be shown."""
    if found.shows_state:
        await _state(found, store, tenant, cost)
    if found.strategy == "none" or found.view.snapshot.head.entry_count == 0:
        return
    if found.strategy == "pinned":
        entries = await _all(found, store, tenant, room)
    else:
        entries = await _newest(found, store, tenant, cost, room)
    await asyncio.to_thread(_sort, found, entries, cost)


async def _state(found: Gathered, store: Store, tenant: str, cost: Cost) -> None:
    head = found.view.snapshot.head
    version = head.state_version
    changes = await store.versions(
        tenant, found.key, after=version - 1, before=version + 1, limit=1, newest_first=False
    )
    trust = changes[0].by.trust if changes else head.author.trust
    message = state_message(found.view.snapshot, trust, found.reader)
    unit = Unit([message], await asyncio.to_thread(cost, [message]))
    if head.kind == PROMPT and trust not in FOREIGN and message.role == SYSTEM:
        found.instructions.append(unit)
    else:
        found.state, found.state_trust = unit, trust


async def _all(found: Gathered, store: Store, tenant: str, room: int) -> list[Entry]:
    """Every entry, as long as they could fit at all."""
    entries: list[Entry] = []
    most = room * _BYTES * 8
    while True:
        query = EntryQuery(after=entries[-1].seq if entries else 0, limit=limits.PAGE_MAX)
        page = await store.page(tenant, found.view.chain, query)
        entries += page.entries
        if not page.more:
            return entries
        if sum(entry.size for entry in entries) > most:
            raise RenderBudgetError(
                f"{found.name} is pinned and has {found.view.snapshot.head.entry_count} entries, "
                f"many times more than the budget holds",
                source=found.name,
            )


async def _newest(found: Gathered, store: Store, tenant: str, cost: Cost, room: int) -> list[Entry]:
    """The first entries as far as they instruct, and the newest to fill the room."""
    newest: list[Entry] = []
    tokens, more, counted, further = 0, True, 0, 0
    while more and (tokens <= room or (_results_open(newest) and further < _FURTHER)):
        query = EntryQuery(
            before=newest[-1].seq if newest else limits.SEQ_MAX + 1,
            limit=min(limits.PAGE_MAX, max(16, room // 8)),
            max_bytes=min(limits.PAGE_BYTES, max(4096, (room - tokens) * _BYTES)),
            descending=True,
        )
        page = await store.page(tenant, found.view.chain, query)
        further += len(page.entries) if tokens > room else 0
        newest += page.entries
        more = page.more and bool(page.entries)
        if more:
            tokens += await asyncio.to_thread(_tokens, found, newest[counted:], cost)
            counted = len(newest)
    newest.reverse()
    found.whole = not more
    if found.whole or not newest:
        return newest
    found.unread, found.read = newest[0].seq - 1, len(newest)
    query = EntryQuery(before=newest[0].seq, limit=_LEADING)
    first = (await store.page(tenant, found.view.chain, query)).entries
    return [*_instructing(found, first), *newest]


def _results_open(descending: Sequence[Entry]) -> bool:
    """Whether the oldest entry read is a tool's, so that its call may lie before it."""
    return bool(descending) and descending[-1].role == "tool"


def _tokens(found: Gathered, entries: Sequence[Entry], cost: Cost) -> int:
    return sum(cost(found.reader.messages(entry)[0] or []) for entry in entries)


def _instructing(found: Gathered, first: Sequence[Entry]) -> list[Entry]:
    """The entries at the beginning that instruct, up to the first that does not."""
    leading: list[Entry] = []
    for entry in first:
        made, _ = found.reader.messages(entry)
        if not made or made[0].role != SYSTEM:
            break
        leading.append(entry)
    return leading


def _sort(found: Gathered, entries: Sequence[Entry], cost: Cost) -> None:
    """Instructions, units of turns, and rows for what no message could be made of."""
    turns: list[Message] = []
    for entry in entries:
        made, reason = found.reader.messages(entry)
        if reason is not None:
            found.rows.append(_row(found, entry.seq, reason, entry.author.trust.word))
        for message in made:
            if message.role == SYSTEM:
                unit = Unit([message], cost([message]), {message.seq})
                found.instructions.append(unit)
            else:
                turns.append(message)
    found.turns, lost = units_of(turns, found.reader)
    for unit in found.turns:
        unit.tokens = cost(unit.messages)
    found.rows += [_row(found, each.seq, each.reason, each.trust) for each in lost]


def _row(found: Gathered, seq: int, reason: str, trust: str) -> Row:
    return Row(found.name, ENTRIES, 0, 1, reason, trust, 0, spans([seq]))
