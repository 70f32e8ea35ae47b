"""What time takes away: expired contexts, old idempotency keys, notes and uploads."""

from __future__ import annotations

from backstory import limits
from backstory.storage.sqlite.database import QUERIES
from backstory.storage.sqlite.transaction import SqliteTransaction
from backstory.storage.tables import uploads
from backstory.storage.tables.expiring import expire_one


def sweep(tx: SqliteTransaction, now: int) -> int:
    """As `ports.store.Commits.sweep` says."""
    expired = 0
    for tenant, number in tx.db.all(QUERIES.expiring, now, limits.SWEEP_CONTEXTS):
        expired += expire_one(tx, tenant, number, now)
    tx.db.run(QUERIES.drop_idempotency, now)
    tx.db.run(QUERIES.drop_notes, now)
    old = tx.db.all(QUERIES.uploads_before, uploads.ended(now), limits.SWEEP_UPLOADS)
    uploads.end(tx, old)
    return expired
