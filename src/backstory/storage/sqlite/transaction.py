"""One write transaction: many commits share it, and each sees those before it."""

from __future__ import annotations

from backstory.clock import Clock
from backstory.domain.keys import ContextKey
from backstory.domain.sealing import Seal
from backstory.storage.sqlite.counters import Counters
from backstory.storage.sqlite.database import QUERIES, Database
from backstory.storage.sqlite.words import Words


class Transaction:
    """What the writers of rows share while the store's lock is held.

    `writing` is true while a job's rows are half written: an error then ends the whole
    transaction. `erased` is set by what must leave no byte behind.
    """

    def __init__(self, db: Database, seal: Seal, clock: Clock) -> None:
        self.db, self.seal, self.clock = db, seal, clock
        self.counters = Counters(db)
        self.words = Words(db, self.counters, on=bool(db.value(QUERIES.searching)))
        self.writing = False
        self.erased = False

    def position(self, tenant: int) -> int:
        """The tenant's newest position."""
        return self.counters.of(tenant).position

    def next_position(self, tenant: int) -> int:
        """The position behind the newest, handed out."""
        counter = self.counters.of(tenant)
        counter.position += 1
        counter.changed = True
        return counter.position

    def name_hash(self, tenant: str, key: ContextKey) -> bytes:
        """What is kept of a name after a purge, to go on from where it stood."""
        return self.seal.hash("name", tenant.encode(), str(key).encode())

    def finish(self) -> None:
        """Write what was put off to the end."""
        self.words.finish()
        self.counters.finish()
