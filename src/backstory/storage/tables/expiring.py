"""Contexts whose time is over, taken away by the sweeper."""

from __future__ import annotations

from backstory.storage.tables import reading
from backstory.storage.tables.committing import expire
from backstory.storage.tables.transaction import Transaction


def expire_one(tx: Transaction, tenant: int, context: int, now: int) -> bool:
    """Let a context expire whose time is over; whether it was."""
    found = reading.by_id(tx.db, tenant, context)
    if found is None or found.head.deleted or found.head.alive(now):
        return False
    expire(tx, tx.db.value(tx.db.sql.tenant_name, tenant), found, now)
    return True
