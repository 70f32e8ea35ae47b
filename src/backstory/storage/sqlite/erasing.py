"""Takes out of the file what was given up, a few entries at a time."""

from __future__ import annotations

from backstory import limits
from backstory.storage.sqlite.database import QUERIES
from backstory.storage.sqlite.transaction import SqliteTransaction
from backstory.storage.sqlite.words import Merging
from backstory.storage.tables import manifests, rows


def erase_some(tx: SqliteTransaction) -> bool:
    """Erase up to `limits.ERASE_ENTRIES` of what was given up; whether there may be more."""
    room = limits.ERASE_ENTRIES
    while room > 0:
        row = tx.db.one(QUERIES.next_erasure)
        if row is None:
            return False
        number, tenant, log, first, last, merging = row
        if log <= 0:
            left = manifests.erase_some(tx, tenant, log, first, last)
            if left is None:
                tx.db.run(QUERIES.drop_erasure, number)
            elif left != first:
                tx.db.run(QUERIES.shorten_erasure, number, left)
            return True
        if last - first >= limits.ERASE_ENTRIES and merging != Merging.DONE:
            tx.db.run(QUERIES.set_merging, number, tx.words.make_ready(Merging(merging)))
            return True
        tx.words.follow(tenant)
        bounds = rows.entry_rowid(log, first), rows.entry_rowid(log, last)
        found = tx.db.all(QUERIES.contents_between, tenant, *bounds, room)
        for rowid, content in found:
            if content is not None:
                tx.words.erase_entry(tenant, rowid, content)
        upto = bounds[1] if len(found) < room else found[-1][0]
        tx.count(tenant, bytes_=-tx.db.value(QUERIES.entries_bytes, tenant, bounds[0], upto))
        if len(found) < room:
            tx.db.run(QUERIES.drop_entries, tenant, *bounds)
            tx.db.run(QUERIES.drop_summaries, tenant, *bounds)
            tx.db.run(QUERIES.drop_erasure, number)
        else:
            end = found[-1][0]
            tx.db.run(QUERIES.drop_entries, tenant, bounds[0], end)
            tx.db.run(QUERIES.drop_summaries, tenant, bounds[0], end)
            tx.db.run(QUERIES.shorten_erasure, number, rows.log_and_seq(end)[1] + 1)
        room -= len(found)
    return True
