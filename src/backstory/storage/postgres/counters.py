"""Where tenants' counters stood when this process last wrote for them, and what it wrote."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from backstory import limits
from backstory.domain.keys import ContextKey
from backstory.storage.tables.database import remember
from backstory.storage.tables.rows import Stored

Rows = Mapping[tuple[str, ContextKey], tuple[Stored, bool]]
"""Contexts by tenant and name, each with whether its state was read."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A tenant's row: its newest position, the last number handed out, transactions so far, and
    what the tenant keeps.

    `searching` tells whether words were indexed then; whoever changes that writes all counters.
    `keys` counts how often keys were retired; whoever retires a tenant's writes its counter.
    `rows` are contexts as they stand as long as nobody moves the counter.
    """

    position: int
    numbers: int
    writes: int
    contexts: int
    bytes: int
    searching: bool
    keys: int = 0
    rows: Rows = field(default_factory=dict, compare=False)


class Counters:
    """Remembers them for a moment: what else is read is read later or was written with it, so a
    counter that nobody has moved since proves that all of it belongs together.

    Rows are kept for the `limits.WRITE_LANES` tenants that were written for last.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Counter, float]] = {}
        self._rows: dict[str, Rows] = {}

    def get(self, tenant: str) -> Counter | None:
        """The counter, if it was seen just now."""
        counter, at = self._known.get(tenant, (None, 0.0))
        return counter if time.monotonic() - at < limits.COUNTER_SECONDS else None

    def take(self, tenant: str) -> Counter | None:
        """The same, and forget it: whoever uses it keeps the next."""
        counter = self.get(tenant)
        self._known.pop(tenant, None)
        rows = self._rows.pop(tenant, {})
        return None if counter is None else replace(counter, rows=rows)

    def keep(self, tenant: str, counter: Counter) -> None:
        remember(self._known, tenant, (replace(counter, rows={}), time.monotonic()))
        self._rows.pop(tenant, None)
        self._rows[tenant] = counter.rows
        if len(self._rows) > limits.WRITE_LANES:
            del self._rows[next(iter(self._rows))]
