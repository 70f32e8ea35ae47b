"""Small facts with an end."""

from __future__ import annotations

from backstory.storage.sqlite.database import QUERIES
from backstory.storage.tables.database import Database


def put(db: Database, tenant: str, name: str, value: bytes, expires_at: int) -> None:
    """As `ports.store.Notes.put_note` says."""
    db.run(QUERIES.set_note, tenant, name, value, expires_at)


def get(db: Database, tenant: str, name: str, now: int) -> bytes | None:
    """As `ports.store.Notes.get_note` says."""
    value: bytes | None = db.value(QUERIES.note, tenant, name, now)
    return value


def delete(db: Database, tenant: str, name: str) -> None:
    """As `ports.store.Notes.delete_note` says."""
    db.run(QUERIES.drop_note, tenant, name)
