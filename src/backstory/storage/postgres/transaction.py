"""One write transaction of one tenant, whose counter it holds from the first moment on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from msgspec import structs

from backstory import limits
from backstory.clock import Clock
from backstory.domain.quotas import Usage
from backstory.domain.sealing import Seal
from backstory.storage.postgres.counters import Counter
from backstory.storage.postgres.database import PostgresDatabase, SeveralError
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.words import PostgresWords
from backstory.storage.tables import manifests, rows
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction


class PostgresTransaction(Transaction):
    """Rows of contexts are put together, however often a batch changes them."""

    db: PostgresDatabase

    def __init__(self, db: PostgresDatabase, seal: Seal, clock: Clock, tenant: int) -> None:
        super().__init__(db, seal, clock, PostgresWords(db, on=False))
        self.tenant = tenant
        self._position, self._believed = 0, False
        self._before = self._after = Counter(0, 0, 0, 0, 0, searching=False)
        self._kept = Usage()

    def begin(self) -> None:
        """Wait for the tenant's counter; from now on nobody else writes for the tenant."""
        self._start(self._read(QUERIES.lock_counter))

    def look(self, known: Counter | None) -> None:
        """Only see where the counter stands, or believe it, to take it with `finish_at_once`."""
        self._believed = known is not None
        for at, (one, whole) in known.rows.items() if known is not None else ():
            self._known[at] = one
            if not whole:
                self._stateless.add(at)
        self._start(known or self._read(QUERIES.counter))

    def _read(self, query: str) -> Counter:
        return Counter(*self.db.all(query, self.tenant)[0])

    def _start(self, counter: Counter) -> None:
        self._before = self._after = counter
        self._position = counter.position
        self._kept = Usage(counter.contexts, counter.bytes)
        self.db.numbers = counter.numbers
        self.words = PostgresWords(self.db, on=counter.searching)
        self.db.names.changed(counter.keys)
        if self.db.cipher is not None:
            self.db.cipher.ring.changed(counter.keys)

    @property
    def counter(self) -> Counter:
        """Where the counter stands at the end, with what the transaction knows of contexts."""
        known = {
            at: (one, at not in self._stateless)
            for at, one in self._known.items()
            if len(one.snapshot.state) <= limits.COUNTER_STATE_BYTES
        }
        return replace(self._after, rows=known)

    def position(self, tenant: int) -> int:
        del tenant  # there is only one
        return self._position

    def next_position(self, tenant: int) -> int:
        self._position += 1
        return self.position(tenant)

    def usage(self, tenant: int) -> Usage:
        del tenant
        return self._kept

    def count(self, tenant: int, *, contexts: int = 0, bytes_: int = 0) -> None:
        del tenant
        self._kept = Usage(self._kept.contexts + contexts, self._kept.bytes + bytes_)

    def _has_written(self) -> bool:
        before = Usage(self._before.contexts, self._before.bytes)
        return bool(self.db.pending) or self.db.sent or self._kept != before

    def finish(self) -> None:
        """Send all that was put off."""
        self.words.finish()
        if self._has_written():
            self.db.run(QUERIES.set_counter, self.tenant, *self._moved())
        self.db.flush()

    def finish_at_once(self, synchronous_commit: str) -> None:
        """Send all that was put off in one statement, which fails if anybody wrote meanwhile.

        Raises:
            SeveralError: it takes several statements.
        """
        self.words.finish()
        if self.erased:
            raise SeveralError
        if self._has_written():
            params = (self.tenant, *self._moved(), synchronous_commit)
            self.db.send_alone(QUERIES.take_counter, params, QUERIES.or_nothing)
        elif self._believed and self._read(QUERIES.counter) != self._before:
            raise SeveralError  # nothing is to be written, but what was answered may be old

    def _moved(self) -> tuple[int, int, int, int, int]:
        """Position, numbers, writes and what is kept after this transaction."""
        before, kept = self._before, self._kept
        writes = before.writes + 1
        moved = self._position, self.db.numbers, writes, kept.contexts, kept.bytes
        self._after = Counter(*moved, before.searching, before.keys)
        return moved

    def erase_some(self) -> bool:
        """Erase some of what was given up; whether there may be more."""
        room = limits.ERASE_ROWS
        while room > 0:
            row = self.db.one(QUERIES.next_erasure, self.tenant)
            if row is None:
                return False
            log, first, last = row
            if log <= 0:
                self._erase_content(log, first, last)
                return True
            end = min(last, first + room - 1)
            bounds = rows.entry_rowid(log, first), rows.entry_rowid(log, end)
            size: int = self.db.value(QUERIES.entries_bytes, self.tenant, *bounds)
            self.count(self.tenant, bytes_=-size)
            self.db.run(QUERIES.drop_entry_words, self.tenant, *bounds)
            self.db.run(QUERIES.drop_entries, self.tenant, *bounds)
            self.db.run(QUERIES.drop_summaries, self.tenant, *bounds)
            if end == last:
                self.db.run(QUERIES.drop_erasure, self.tenant, log, first)
            else:
                self.db.run(QUERIES.shorten_erasure, self.tenant, log, first, end + 1)
            room -= end - first + 1
        return True

    def _erase_content(self, log: int, first: int, last: int) -> None:
        left = manifests.erase_some(self, self.tenant, log, first, last)
        if left is None:
            self.db.run(QUERIES.drop_erasure, self.tenant, log, first)
        elif left != first:
            self.db.run(QUERIES.shorten_erasure, self.tenant, log, first, left)

    def _add(self, new: Stored, author: int) -> Stored:
        self.db.numbers += 1
        added = structs.replace(new, id=self.db.numbers)
        self._put(QUERIES.add_context, added, author)
        return added

    def _update(self, before: Stored, after: Stored, author: int) -> None:
        del before
        fresh = self.db.pending.has(QUERIES.add_context, (after.tenant, after.id))
        sql = QUERIES.add_context if fresh else QUERIES.set_context
        self._put(sql, after, author)

    def _put(self, sql: str, one: Stored, author: int) -> None:
        """A conversation that a batch often appends to has one row to send, its last."""
        self.db.pending.add_late(sql, (one.tenant, one.id), partial(_row, self.db, one, author))


def _row(db: PostgresDatabase, one: Stored, author: int) -> tuple[object, ...]:
    head = one.head
    return (
        one.tenant,
        one.id,
        head.id,
        head.key.namespace,
        head.key.name,
        head.history_from,
        head.version,
        head.commit,
        head.entry_count,
        head.last_seq,
        author,
        head.updated_at,
        *rows.document_columns(db, one),
    )
