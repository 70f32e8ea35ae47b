"""Reading what a window may need of its sources, and no more.

Entries are read as the source's strategy says; a conversation of 100,000 entries costs what
one of 200 costs. Rights are asked by the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backstory.domain.keys import ContextKey
from backstory.domain.kinds import CONVERSATION, PROMPT
from backstory.domain.principals import Principal, Trust
from backstory.ports.store import View
from backstory.rendering import aside
from backstory.rendering.logs import Log, Reads
from backstory.rendering.messages import FOREIGN, SYSTEM
from backstory.rendering.requests import Source
from backstory.rendering.states import state_message
from backstory.rendering.strategies import TABLE, Strategy
from backstory.rendering.units import Unit


class Views(Protocol):
    """Reading a context for those who may: `contexts.reading.Reader`."""

    async def view(self, principal: Principal, key: ContextKey, at: int | None = None) -> View:
        """Head, state and chain; MissingError, GoneError."""
        ...


@dataclass(slots=True, kw_only=True)
class Gathered(Log):
    """What was read of one source: its log, and its state."""

    source: Source
    state: Unit | None = None
    state_trust: Trust = Trust.USER

    @property
    def strategy(self) -> Strategy:
        """What becomes of the entries."""
        if self.source.entries is not None:
            return TABLE[self.source.entries]
        return TABLE["recent" if self.view.snapshot.head.kind == CONVERSATION else "none"]

    @property
    def shows_state(self) -> bool:
        if self.source.state is not None:
            return self.source.state
        has_state = self.view.snapshot.state != b"{}"
        return has_state and self.view.snapshot.head.kind != CONVERSATION

    @property
    def pinned(self) -> bool:
        return self.strategy.pinned


async def gather(found: Gathered, reads: Reads, room: int) -> None:
    """Fill in state, instructions and turns, of which `room` tokens may be shown."""
    if found.shows_state:
        await _state(found, reads)
    if found.entry_count:
        await found.strategy.gather(found, reads, room)


async def _state(found: Gathered, reads: Reads) -> None:
    head = found.view.snapshot.head
    version = head.state_version
    changes = await reads.store.versions(
        reads.tenant, found.key, after=version - 1, before=version + 1, limit=1, newest_first=False
    )
    trust = changes[0].by.trust if changes else head.author.trust
    message = state_message(found.view.snapshot, trust, found.reader)
    heavy = len(found.view.snapshot.state)
    found.weight += heavy
    unit = Unit([message], await aside.run(heavy, reads.cost, [message]))
    if head.kind == PROMPT and trust not in FOREIGN and message.role == SYSTEM:
        found.instructions.append(unit)
    else:
        found.state, found.state_trust = unit, trust
