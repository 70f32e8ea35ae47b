"""One write transaction: many commits share it, and each sees those before it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from backstory.clock import Clock
from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey
from backstory.domain.quotas import Usage
from backstory.domain.sealing import Seal
from backstory.storage.tables import reading
from backstory.storage.tables.database import Database
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.words import Words


class Transaction(ABC):
    """What the writers of rows share while the store's or the tenant's lock is held.

    `writing` is true while a job's rows are half written: an error then ends the whole
    transaction. `erased` is set by what must leave no byte behind.
    """

    def __init__(self, db: Database, seal: Seal, clock: Clock, words: Words) -> None:
        self.db, self.seal, self.clock, self.words = db, seal, clock, words
        self.writing = False
        self.erased = False
        self._known: dict[tuple[str, ContextKey], Stored] = {}
        self._tags: dict[tuple[str, ContextKey], Tag | None] = {}
        """Those that were asked of others; None: there is none."""
        self._stateless: set[tuple[str, ContextKey]] = set()

    # -- contexts ----------------------------------------------------------------------

    def find(self, tenant: str, key: ContextKey, *, state: bool = True) -> Stored | None:
        """The context of that name as it stands, a tombstone too; None after a purge.

        Without `state`, its state may not have been read, as `reading.find` says.
        """
        at = tenant, key
        known = self._known.get(at)
        if known is not None:
            if not (state and at in self._stateless):
                return known
            self.forget(tenant, key)
        known = reading.find(self.db, tenant, key, state=state)
        if known is not None:
            self._known[at] = known
            if not state:
                self._stateless.add(at)
        return known

    def knows(self, tenant: str, key: ContextKey, *, state: bool) -> bool:
        """Whether `find` has nothing to read."""
        at = (tenant, key)
        return at in self._known and not (state and at in self._stateless)

    def tag(self, tenant: str, key: ContextKey) -> Tag | None:
        """The tag of a context that is not deleted."""
        at = tenant, key
        known = self._known.get(at)
        if known is not None:
            return None if known.head.deleted else known.head.tag
        if at not in self._tags:
            self._tags[at] = reading.tag(self.db, tenant, key)
        return self._tags[at]

    def add(self, tenant: str, new: Stored, author: int) -> Stored:
        """Write a new context's row; returns it with its number."""
        added = self._add(new, author)
        self._known[tenant, new.head.key] = added
        return added

    def update(self, tenant: str, before: Stored, after: Stored, author: int) -> None:
        """Write what a context has become."""
        self._update(before, after, author)
        self._known[tenant, after.head.key] = after

    def forget(self, tenant: str, key: ContextKey) -> None:
        """The context's row was written in another way; whoever asks has to read it anew."""
        self._known.pop((tenant, key), None)
        self._tags.pop((tenant, key), None)
        self._stateless.discard((tenant, key))

    @abstractmethod
    def _add(self, new: Stored, author: int) -> Stored: ...

    @abstractmethod
    def _update(self, before: Stored, after: Stored, author: int) -> None: ...

    # -- positions ---------------------------------------------------------------------

    @abstractmethod
    def position(self, tenant: int) -> int:
        """The tenant's newest position."""

    @abstractmethod
    def next_position(self, tenant: int) -> int:
        """The position behind the newest, handed out."""

    @abstractmethod
    def finish(self) -> None:
        """Write what was put off to the end."""

    # -- what the tenant keeps -----------------------------------------------------------

    @abstractmethod
    def usage(self, tenant: int) -> Usage:
        """What it keeps, with all that was written so far."""

    @abstractmethod
    def count(self, tenant: int, *, contexts: int = 0, bytes_: int = 0) -> None:
        """It keeps so many more, or fewer."""

    # -- what else the writers share -----------------------------------------------------

    def name_hash(self, tenant: str, key: ContextKey) -> bytes:
        """What is kept of a name after a purge, to go on from where it stood."""
        return self.seal.hash("name", tenant.encode(), str(key).encode())
