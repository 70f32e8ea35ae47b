"""How often a process remembered what it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from backstory.ports.hooks import Number

T = TypeVar("T")


class Hits:
    """One for each memory. Counted on the event loop, and looked at now and then."""

    __slots__ = ("hits", "misses")

    def __init__(self) -> None:
        self.hits = self.misses = 0

    def seen(self, found: T) -> T:
        """The same; None was not remembered."""
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    def numbers(self, memory: str) -> Iterator[Number]:
        """As `ports.hooks.Numbers` has them."""
        yield "lookups", (memory, "hit"), self.hits
        yield "lookups", (memory, "miss"), self.misses
