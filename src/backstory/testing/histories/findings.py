"""What can be wrong with a history."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """Each is a promise broken."""

    LOST = "an acknowledged write is not there, or not where it was acknowledged"
    TWICE = "a write was applied more than once"
    INVENTED = "something is there that was refused, or that nobody wrote"
    TORN = "a part of a commit is there without the rest"
    GAP = "a version or seq is missing, doubled or out of order"
    UNEQUAL = "what was accepted is not what was applied"
    WRONG = "a read showed what its version never held"
    BACK = "a session saw less than it had seen or written before"
    STALE = "a read that began after an acknowledged write did not see it, nor said that it is old"
    DISORDERED = "a write took effect before one that had ended before it began"
    MISSED = "a watcher was not told of a change"
    REPEATED = "a watcher was told of a change twice"
    SHUFFLED = "a watcher was told of changes out of order"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be, with the words to look for it."""

    fault: Fault
    detail: str

    def __str__(self) -> str:
        return f"{self.fault.name}: {self.fault.value}: {self.detail}"
