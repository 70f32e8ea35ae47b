"""Where each tenant's change log ends, and how far the index of words has followed it."""

from __future__ import annotations

from dataclasses import dataclass

from backstory.storage.sqlite.database import QUERIES
from backstory.storage.tables.database import Database


@dataclass(slots=True)
class Counter:
    """A tenant's row.

    `position` is that of its newest change, `indexed` that of the newest whose entries were
    indexed with all before it. `lagging`: there may be entries behind that.
    `contexts` and `bytes` are what the tenant keeps.
    """

    position: int
    indexed: int
    lagging: bool
    contexts: int
    bytes: int
    changed: bool = False


class Counters:
    """The rows that one transaction works with; written once, at its end."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[int, Counter] = {}

    def of(self, tenant: int) -> Counter:
        """The tenant's row as it is to be at the end."""
        known = self._known.get(tenant)
        if known is None:
            row = self._db.one(QUERIES.counter, tenant) or (0, 0, 0, 0)
            position, indexed, contexts, size = row
            lagging = indexed < position
            known = self._known[tenant] = Counter(position, indexed, lagging, contexts, size)
        return known

    def lagging(self) -> set[int]:
        """Tenants that the index has still to follow."""
        return {tenant for tenant, counter in self._known.items() if counter.lagging}

    def followed(self) -> set[int]:
        """Tenants that it has followed to the end."""
        return {tenant for tenant, counter in self._known.items() if not counter.lagging}

    def finish(self) -> None:
        """Write what changed."""
        for tenant, counter in self._known.items():
            if not counter.changed:
                continue
            if not counter.lagging:
                counter.indexed = counter.position
            at = counter.position, counter.indexed
            self._db.run(QUERIES.set_counter, tenant, *at, counter.contexts, counter.bytes)
