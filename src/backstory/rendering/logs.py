"""The entries of one source while a window is made: what is read of them, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from backstory import limits
from backstory.domain.chains import Chain, Span
from backstory.domain.entries import Entry, Outline
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.domain.summaries import Summary
from backstory.ports.store import Store, View
from backstory.rendering.ledger import Row
from backstory.rendering.messages import Message, Reader
from backstory.rendering.units import Unit

Cost = Callable[[Sequence[Message]], int]
Reckon = Callable[[Outline], int | None]


@dataclass(slots=True, kw_only=True)
class Log:
    """One source's entries. `front` are summaries, `turns` the units that were read, oldest first.

    `weight` is how much work they are (`aside.weight`). `whole`: there are no entries before `turns`. `unread` is the last seq that was
    not read, `read` how many entries behind it there are. `place` is a JSON Pointer into the
    request. `hits` are the seqs that a search found, the best first (None: not yet searched);
    at most `most_hits` of them are looked at. `runs` are spans that were read whole.
    `late` are entries that were read for units which had an outline only.
    `covers` are the summaries in front, and `rest` is the chain without what they cover.
    """

    key: ContextKey
    view: View
    reader: Reader
    place: str = ""
    query: str = ""
    neighbours: int = 1
    hits: Sequence[int] | None = None
    most_hits: int = limits.RENDER_HITS
    runs: Sequence[Span] = ()
    covers: Sequence[Summary] = ()
    rest: Chain | None = None
    instructions: list[Unit] = field(default_factory=list)
    front: list[Unit] = field(default_factory=list)
    turns: list[Unit] = field(default_factory=list)
    whole: bool = True
    unread: int = 0
    read: int = 0
    weight: int = 0
    late: dict[int, Entry] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.key)

    @property
    def entry_count(self) -> int:
        return self.view.snapshot.head.entry_count


class Finds(Protocol):
    """Searching in a context for those who may: `contexts.searching.Searcher`."""

    async def hits(self, principal: Principal, key: ContextKey, query: str) -> Sequence[int]:
        """Seqs in which any term occurs, the best first; MissingError, SchemaError,
        TooLargeError, SearchDisabledError."""
        ...


@dataclass(frozen=True, slots=True)
class Reads:
    """How a log is read: for whom, from where, and what a message costs.

    `reckoned` tells it from an outline, where it can.
    """

    store: Store
    finds: Finds
    principal: Principal
    cost: Cost
    reckoned: Reckon

    @property
    def tenant(self) -> str:
        return self.principal.tenant


class Fits(Protocol):
    """How what is too long is made to fit."""

    def cost(self, messages: Sequence[Message]) -> int:
        """Tokens of messages that stand together."""
        ...

    @property
    def cuts(self) -> bool:
        """Whether what is too long is cut."""
        ...

    def too_long(self, unit: Unit) -> str:
        """The reason for the ledger, where it is not."""
        ...

    def fitted(self, unit: Unit, room: int) -> tuple[Unit | None, str]:
        """The unit, or its head and tail, or nothing, and the reason for the ledger."""
        ...
