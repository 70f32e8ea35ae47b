"""Small facts with an end, one statement each."""

from __future__ import annotations

from backstory.storage.postgres.database import PostgresDatabase
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.ranges import behind
from backstory.storage.tables.database import Database


def get(db: Database, tenant: str, name: str, now: int) -> bytes | None:
    """As `ports.store.Notes.get_note` says."""
    number = db.tenant(tenant)
    value: bytes | None = db.value(QUERIES.note, number, name, now)
    return value


def page(
    db: Database, tenant: str, prefix: str, *, after: str, limit: int, now: int
) -> list[tuple[str, bytes]]:
    """As `ports.store.Notes.list_notes` says."""
    number = db.tenant(tenant)
    rows = db.all(QUERIES.notes_of, number, prefix, behind(prefix), after, now, limit)
    return [(name, value) for name, value in rows]


def put(db: PostgresDatabase, tenant: int, name: str, value: bytes, expires_at: int) -> None:
    """As `ports.store.Notes.put_note` says."""
    db.all(QUERIES.set_note, tenant, name, value, expires_at)


def swap(
    db: PostgresDatabase,
    tenant: int,
    name: str,
    *,
    before: bytes | None,
    value: bytes,
    expires_at: int,
    now: int,
) -> bool:
    """As `ports.store.Notes.swap_note` says."""
    note = (tenant, name, value, expires_at)
    if before is None:
        return db.one(QUERIES.add_note, *note, now) is not None
    return db.one(QUERIES.swap_note, *note, before, now) is not None


def delete(db: PostgresDatabase, tenant: int, name: str) -> None:
    """As `ports.store.Notes.delete_note` says."""
    db.all(QUERIES.drop_note, tenant, name)
