"""Small facts with an end."""

from __future__ import annotations

from backstory.storage.ranges import behind
from backstory.storage.sqlite.database import QUERIES
from backstory.storage.tables.database import Database


def put(db: Database, tenant: str, name: str, value: bytes, expires_at: int) -> None:
    """As `ports.store.Notes.put_note` says."""
    db.run(QUERIES.set_note, tenant, name, value, expires_at)


def get(db: Database, tenant: str, name: str, now: int) -> bytes | None:
    """As `ports.store.Notes.get_note` says."""
    value: bytes | None = db.value(QUERIES.note, tenant, name, now)
    return value


def page(
    db: Database, tenant: str, prefix: str, *, after: str, limit: int, now: int
) -> list[tuple[str, bytes]]:
    """As `ports.store.Notes.list_notes` says."""
    rows = db.all(QUERIES.notes_of, tenant, prefix, behind(prefix), after, now, limit)
    return [(name, value) for name, value in rows]


def delete(db: Database, tenant: str, name: str) -> None:
    """As `ports.store.Notes.delete_note` says."""
    db.run(QUERIES.drop_note, tenant, name)
