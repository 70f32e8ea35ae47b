"""Reading across contexts: the change log, and lists of heads."""

from __future__ import annotations

from collections.abc import Sequence

from backstory import limits
from backstory.domain.changes import Change
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey
from backstory.ports.store import ChangePage, ChangeQuery, HeadQuery, Mark, SearchQuery
from backstory.storage.ranges import ranges
from backstory.storage.tables import reading, rows
from backstory.storage.tables.database import Database, Row


def rights_marks(db: Database, since: int) -> list[tuple[str, bytes]]:
    """As `ports.store.Changes.rights_marks` says."""
    return [(name, commit) for name, commit in db.all(db.sql.rights_marks, since)]


def mark(db: Database, tenant: str, epoch: str) -> Mark:
    """As `ports.store.Changes.mark` says."""
    number = db.tenant(tenant)
    newest = db.value(db.sql.position, number) if number is not None else None
    if number is None or newest is None:
        return Mark(epoch, 0, 0)
    oldest = db.value(db.sql.oldest_change, number, newest)
    return Mark(epoch, newest if oldest is None else oldest - 1, newest)


def changes(db: Database, tenant: str, query: ChangeQuery) -> ChangePage:
    """As `ports.store.Changes.changes` says."""
    number = db.tenant(tenant)
    newest = db.value(db.sql.position, number) if number is not None else None
    if number is None or newest is None or newest <= query.after:
        return ChangePage((), query.after, more=False)
    found: list[Change] = []
    commit, position = b"", query.after
    rows_after = db.each(db.sql.changes_after, number, query.after, newest)
    for scanned, row in enumerate(rows_after):
        full = len(found) >= query.limit or scanned >= limits.CHANGES_SCANNED
        if full and row[1] != commit:
            return ChangePage(tuple(found), position, more=True)
        position, commit = row[0], row[1]
        if _visible(query, row):
            found.append(rows.change(db, number, row))
    return ChangePage(tuple(found), newest, more=False)


def _visible(query: ChangeQuery, row: Row) -> bool:
    namespace = row[3]
    if namespace is None:
        return query.visible.everything
    return query.visible.shows(namespace)


def versions(
    db: Database,
    tenant: str,
    key: ContextKey,
    *,
    after: int,
    before: int,
    limit: int,
    newest_first: bool,
) -> Sequence[Change]:
    """As `ports.store.Changes.versions` says."""
    found = reading.find(db, tenant, key)
    if found is None:
        return ()
    sql = db.sql.versions_descending if newest_first else db.sql.versions_ascending
    asked = db.all(sql, found.tenant, found.id, after, before, limit)
    return [rows.change(db, found.tenant, row) for row in asked]


def version_at(db: Database, tenant: str, key: ContextKey, last_seq: int) -> int:
    """As `ports.store.Changes.version_at` says, in as many steps as the count has digits."""
    found = reading.find(db, tenant, key)
    if found is None:
        return 0
    low, high = found.head.history_from - 1, found.head.version
    while low < high:
        middle = (low + high + 1) // 2
        if db.all(db.sql.what_at, found.tenant, found.id, middle)[0][1] <= last_seq:
            low = middle
        else:
            high = middle - 1
    return low


def redactions(db: Database, tenant: str, key: ContextKey, after: int, upto: int) -> Sequence[int]:
    """As `ports.store.Changes.redactions` says."""
    found = reading.find(db, tenant, key)
    if found is None:
        return ()
    spans = [
        span
        for seqs, last_seq in db.all(db.sql.redactions, found.tenant, found.id, after, upto)
        for span in rows.unpack_seqs(seqs, last_seq)
    ]
    return sorted({seq for first, last in spans for seq in range(first, last + 1)})


def tenants(db: Database, after: str, limit: int) -> Sequence[str]:
    """As `ports.store.Finds.tenants` says."""
    return [name for (name,) in db.all(db.sql.tenants, after, limit)]


def heads(db: Database, tenant: str, query: HeadQuery, now: int) -> Sequence[Head]:
    """As `ports.store.Finds.heads` says."""
    number = db.tenant(tenant)
    found: list[Head] = []
    after = (query.after.namespace, query.after.name) if query.after else ("", "")
    sql = db.sql.heads if query.label is None else db.sql.heads_labelled
    filters = (now, query.kind, query.updated_since, query.schema_below)
    label = () if query.label is None else (query.label,)
    for low, high in ranges(query.visible) if number is not None else ():
        if after[0] >= high:
            continue
        start = max((low, ""), after)
        room = query.limit - len(found)
        page = db.all(sql, number, *start, high, *filters, room, *label)
        found += [rows.stored(db, row).head for row in page]
        if len(found) >= query.limit:
            break
    return found


def newest(db: Database, tenant: str, query: SearchQuery, now: int) -> Sequence[Head]:
    """Living contexts that pass the filters of a search, to its bound, the newest first."""
    number = db.tenant(tenant)
    sql = db.sql.newest_heads if query.label is None else db.sql.newest_heads_labelled
    label = () if query.label is None else (query.label,)
    found: list[Head] = []
    for low, high in ranges(query.visible) if number is not None else ():
        page = db.all(sql, number, low, high, now, query.kind, query.candidates, *label)
        found += [rows.stored(db, row).head for row in page]
    return sorted(found, key=lambda head: -head.updated_at)[: query.candidates]
