"""The entries of one source while a window is made: what is read of them, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.ports.store import Store, View
from backstory.rendering.ledger import Row
from backstory.rendering.messages import Message, Reader
from backstory.rendering.units import Unit

Cost = Callable[[Sequence[Message]], int]


@dataclass(slots=True, kw_only=True)
class Log:
    """One source's entries. `turns` are the units that were read, oldest first.

    `weight` is how much work they are (`aside.weight`). `whole`: there are no entries before `turns`. `unread` is the last seq that was
    not read, `read` how many entries behind it there are. `place` is a JSON Pointer into the
    request.
    """

    key: ContextKey
    view: View
    reader: Reader
    place: str = ""
    instructions: list[Unit] = field(default_factory=list)
    turns: list[Unit] = field(default_factory=list)
    whole: bool = True
    unread: int = 0
    read: int = 0
    weight: int = 0
    rows: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.key)

    @property
    def entry_count(self) -> int:
        return self.view.snapshot.head.entry_count


@dataclass(frozen=True, slots=True)
class Reads:
    """How a log is read: for whom, from where, and what a message costs."""

    store: Store
    principal: Principal
    cost: Cost

    @property
    def tenant(self) -> str:
        return self.principal.tenant


class Fits(Protocol):
    """How what is too long is made to fit."""

    def cost(self, messages: Sequence[Message]) -> int:
        """Tokens of messages that stand together."""
        ...

    def fitted(self, unit: Unit, room: int) -> tuple[Unit | None, str]:
        """The unit, or its head and tail, or nothing, and the reason for the ledger."""
        ...
