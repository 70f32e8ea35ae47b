"""The audit trails of several stores, told as one: by time, and in each store's own order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backstory.domain.sealing import Seal
from backstory.ports.audits import Audits


@dataclass(frozen=True, slots=True)
class Shelf:
    """The trail of a store; `name` is empty for the first, `seal` hashes its names."""

    name: str
    audits: Audits
    seal: Seal


@dataclass(slots=True)
class Scanned:
    """What was found of a trail, and the number of the event behind it; None at its end."""

    events: deque[dict[str, Any]]
    left: int | None

    @property
    def place(self) -> int | None:
        """Where to go on."""
        return self.events[0]["seq"] if self.events else self.left

    @property
    def halts(self) -> bool:
        """What comes next is not known yet, so nothing of the others may be told before it."""
        return not self.events and self.left is not None


def merged(
    scans: Sequence[Scanned], limit: int, *, newest_first: bool
) -> list[tuple[int, dict[str, Any]]]:
    """The next events of all, each with whose it is; they are taken out of the scans."""
    found: list[tuple[int, dict[str, Any]]] = []
    sign = -1 if newest_first else 1
    while len(found) < limit and not any(scan.halts for scan in scans):
        heads = [(sign * scan.events[0]["at"], at) for at, scan in enumerate(scans) if scan.events]
        if not heads:
            break
        at = min(heads)[1]
        found.append((at, scans[at].events.popleft()))
    return found
