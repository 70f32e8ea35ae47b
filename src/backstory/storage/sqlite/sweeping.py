"""What time takes away: expired contexts, old idempotency keys, notes and uploads."""

from __future__ import annotations

from backstory import limits
from backstory.storage.sqlite import reading, uploads
from backstory.storage.sqlite.committing import expire
from backstory.storage.sqlite.database import QUERIES
from backstory.storage.sqlite.transaction import Transaction


def sweep(tx: Transaction, now: int) -> int:
    """As `ports.store.Commits.sweep` says."""
    expired = 0
    for (number,) in tx.db.all(QUERIES.expiring, now, limits.SWEEP_CONTEXTS):
        found = reading.by_id(tx.db, number)
        if found is not None:
            tenant: str = tx.db.value(QUERIES.tenant_name, found.tenant)
            expire(tx, tenant, found, now)
            expired += 1
    tx.db.run(QUERIES.drop_idempotency, now)
    tx.db.run(QUERIES.drop_notes, now)
    uploads.sweep(tx, now)
    return expired
