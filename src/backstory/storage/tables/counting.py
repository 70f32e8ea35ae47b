"""What a tenant keeps: as it was counted, or counted anew."""

from __future__ import annotations

from backstory.domain.quotas import Usage
from backstory.storage.tables.database import Database
from backstory.storage.tables.transaction import Transaction


def usage(db: Database, tenant: str) -> Usage:
    """As `ports.store.Commits.usage` says."""
    number = db.tenant(tenant)
    row = db.one(db.sql.usage, number) if number is not None else None
    return Usage() if row is None else Usage(row[0], row[1])


def recount(tx: Transaction, tenant: str) -> Usage:
    """As `ports.store.Commits.recount` says."""
    number = tx.db.tenant(tenant)
    if number is None:
        return Usage()
    found = Usage(*tx.db.all(tx.db.sql.recount, number)[0])
    before = tx.usage(number)
    more = found.contexts - before.contexts, found.bytes - before.bytes
    if any(more):
        tx.count(number, contexts=more[0], bytes_=more[1])
    return found
