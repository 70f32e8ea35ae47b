"""Where tenants' counters stood when this process last wrote for them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from backstory import limits
from backstory.storage.tables.database import remember


@dataclass(frozen=True, slots=True)
class Counter:
    """A tenant's row: its newest position, the last number handed out, transactions so far.

    `searching` tells whether words were indexed then; whoever changes that writes all counters.
    """

    position: int
    numbers: int
    writes: int
    searching: bool


class Counters:
    """Remembers them for a moment: what else is read is read later, so a counter that nobody
    has moved since proves that all of it belongs together."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Counter, float]] = {}

    def get(self, tenant: str) -> Counter | None:
        """The counter, if it was seen just now."""
        counter, at = self._known.get(tenant, (None, 0.0))
        return counter if time.monotonic() - at < limits.COUNTER_SECONDS else None

    def take(self, tenant: str) -> Counter | None:
        """The same, and forget it: whoever uses it keeps the next."""
        counter = self.get(tenant)
        self._known.pop(tenant, None)
        return counter

    def keep(self, tenant: str, counter: Counter) -> None:
        remember(self._known, tenant, (counter, time.monotonic()))
