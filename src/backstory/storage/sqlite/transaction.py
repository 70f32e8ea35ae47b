"""One write transaction on the file."""

from __future__ import annotations

from msgspec import structs

from backstory.clock import Clock
from backstory.domain.documents import changes_document
from backstory.domain.keys import ContextKey
from backstory.domain.quotas import Usage
from backstory.domain.sealing import Seal
from backstory.storage.sqlite.counters import Counters
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.words import SqliteWords
from backstory.storage.tables import rows
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction


class SqliteTransaction(Transaction):
    """Writes each row when it is told to, but for one that is written with each append to it."""

    words: SqliteWords
    db: SqliteDatabase

    def __init__(self, db: SqliteDatabase, seal: Seal, clock: Clock) -> None:
        self.counters = Counters(db)
        searching, keys = db.all(QUERIES.standing)[0]
        db.names.changed(keys)
        if db.cipher is not None:
            db.cipher.ring.changed(keys)
        super().__init__(db, seal, clock, SqliteWords(db, self.counters, on=bool(searching)))

    def position(self, tenant: int) -> int:
        return self.counters.of(tenant).position

    def next_position(self, tenant: int) -> int:
        counter = self.counters.of(tenant)
        counter.position += 1
        counter.changed = True
        return counter.position

    def usage(self, tenant: int) -> Usage:
        counter = self.counters.of(tenant)
        return Usage(counter.contexts, counter.bytes)

    def count(self, tenant: int, *, contexts: int = 0, bytes_: int = 0) -> None:
        counter = self.counters.of(tenant)
        counter.contexts += contexts
        counter.bytes += bytes_
        counter.changed = True

    def finish(self) -> None:
        self.words.finish()
        self.counters.finish()
        self.db.catch_up()

    def forget(self, tenant: str, key: ContextKey) -> None:
        super().forget(tenant, key)
        self.db.catch_up()

    def _add(self, new: Stored, author: int) -> Stored:
        number = self.db.insert(
            QUERIES.add_context,
            new.tenant,
            new.head.id,
            new.head.key.namespace,
            new.head.key.name,
            new.head.history_from,
            *_touched(new, author),
            *rows.document_columns(self.db, new),
        )
        return structs.replace(new, id=number)

    def _update(self, before: Stored, after: Stored, author: int) -> None:
        key = after.tenant, after.id
        if _only_grown(before, after):
            self.db.put_off(QUERIES.touch_context, *key, *_touched(after, author))
        else:
            self.db.run(
                QUERIES.set_context,
                *key,
                *_touched(after, author),
                *rows.document_columns(self.db, after),
            )


def _only_grown(before: Stored, after: Stored) -> bool:
    """Whether nothing but entries came, as nearly always."""
    return (
        not changes_document(before.head, after.head)
        and before.open_first == after.open_first
        and before.closed == after.closed
        and before.head.created_at == after.head.created_at
    )


def _touched(one: Stored, author: int) -> tuple[object, ...]:
    head = one.head
    return head.version, head.commit, head.entry_count, head.last_seq, author, head.updated_at
