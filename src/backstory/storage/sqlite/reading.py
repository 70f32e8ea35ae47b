"""Reading contexts, their past and their entries, on whatever connection is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backstory import limits
from backstory.domain.chains import Chain, Piece
from backstory.domain.contexts import Head, Snapshot, Tag
from backstory.domain.documents import Document
from backstory.domain.entries import Entry
from backstory.domain.keys import ContextKey
from backstory.domain.summaries import Summary
from backstory.errors import GoneError
from backstory.ports.store import EntryPage, EntryQuery, View
from backstory.storage import deltas
from backstory.storage.sqlite import rows
from backstory.storage.sqlite.database import QUERIES, Database
from backstory.storage.sqlite.rows import Stored


def find(db: Database, tenant: str, key: ContextKey, *, state: bool = True) -> Stored | None:
    """The context of that name as it stands, a tombstone too; None after a purge.

    Without `state` its state is not read and is said to be empty.
    """
    number = db.tenant(tenant)
    if number is None:
        return None
    row = db.one(QUERIES.find_context, number, key.namespace, key.name, state)
    return rows.stored(db, row) if row else None


def by_id(db: Database, context: int) -> Stored | None:
    """The context as it stands; None after a purge."""
    row = db.one(QUERIES.context, context)
    return rows.stored(db, row) if row else None


def gone(head: Head, version: int) -> GoneError:
    """Why a version cannot be read."""
    detail = (
        f"{head.key} is at version {head.version}, version {version} has not been yet"
        if version > head.version
        else f"{head.key} can be read back to version {head.history_from}, not to {version}"
    )
    return GoneError(
        detail, context=str(head.key), current=head.version, history_from=head.history_from
    )


def tag(db: Database, tenant: str, key: ContextKey) -> Tag | None:
    """The tag of a context that is not deleted."""
    number = db.tenant(tenant)
    row = None if number is None else db.one(QUERIES.tag_of, number, key.namespace, key.name)
    return Tag(row[0], row[1]) if row and not row[2] else None


def view(db: Database, tenant: str, key: ContextKey, at: int | None) -> View | None:
    """As `ports.store.Reads.view` says."""
    found = find(db, tenant, key)
    if found is None:
        return None
    if at is None or at == found.head.version:
        return View(found.snapshot, chain_now(db, found))
    return view_at(db, found, at)


def view_at(db: Database, found: Stored, at: int) -> View:
    """The context at a version.

    Raises:
        GoneError: it is not a version of the context that is kept.
    """
    head = found.head
    row = db.one(QUERIES.change_at, found.id, at) if at >= head.history_from else None
    if row is None:
        raise gone(head, at)
    last_seq, author, moment, commit = row
    document = document_at(db, found, at)
    chain = Chain() if document.deleted else chain_at(db, found.id, at, last_seq)
    past = replace(
        head,
        kind=document.kind,
        version=at,
        commit=commit,
        state_version=document.state_version,
        content_version=document.content_version,
        labels=document.labels,
        entry_count=chain.count,
        last_seq=last_seq,
        author=db.author(author),
        created_at=document.created_at,
        updated_at=rows.unpack_time(moment),
        expires_at=document.expires_at,
        deleted=document.deleted,
        born=document.born,
        content=document.content,
        schema_version=document.schema_version,
    )
    return View(Snapshot(past, document.state), chain)


def chain_now(db: Database, found: Stored) -> Chain:
    """What the context shows at present."""
    head = found.head
    if head.deleted:
        return Chain()
    if found.closed:
        return chain_at(db, found.id, head.version, head.last_seq)
    return Chain().extend(found.id, found.open_first, head.last_seq)


def chain_at(db: Database, context: int, version: int, last_seq: int) -> Chain:
    """The chain at a version whose highest seq is given."""
    row = db.one(QUERIES.chain_at, context, version)
    if row is None:
        return Chain().extend(context, 1, last_seq)
    first, pieces = row
    return rows.unpack_pieces(pieces).extend(context, first, last_seq)


def document_at(db: Database, found: Stored, version: int) -> Document:
    """The document that was valid at a version of the kept history."""
    newest = Document.of(found.snapshot)
    if version >= found.document_version:
        return newest
    made = db.value(QUERIES.document_version, found.id, version)
    if made is None:
        raise gone(found.head, version)
    bodies = _bodies(db, found.id, made)
    return Document.decode(deltas.decode(reversed(bodies), newest.encode()))


def _bodies(db: Database, context: int, made: int) -> list[tuple[deltas.Codec, bytes]]:
    """The document made at a version and those it leans on, oldest first."""
    cursor = db.connection.execute(QUERIES.documents_from, (context, made))
    bodies: list[tuple[deltas.Codec, bytes]] = []
    for _, codec, body in cursor:
        bodies.append((deltas.Codec(codec), body))
        if codec != deltas.Codec.DELTA:
            break
    cursor.close(True)
    return bodies


def page(db: Database, chain: Chain, query: EntryQuery) -> EntryPage:
    """As `ports.store.Reads.page` says."""
    entries: list[Entry] = []
    room = query.max_bytes
    for entry in _entries(db, chain, query):
        room -= entry.size
        if len(entries) == query.limit or (entries and room < 0):
            return EntryPage(tuple(entries), more=True)
        entries.append(entry)
    return EntryPage(tuple(entries), more=False)


def _entries(db: Database, chain: Chain, query: EntryQuery) -> Iterator[Entry]:
    """The entries in question, lazily, and one more than are wanted."""
    before = min(query.before, limits.SEQ_MAX + 1)
    pieces = chain.descending if query.descending else chain.ascending
    sql = QUERIES.page_descending if query.descending else QUERIES.page_ascending
    for piece in pieces(query.after, before):
        yield from _piece(db, sql, piece, query.limit + 1)


def _piece(db: Database, sql: str, piece: Piece, limit: int) -> Iterator[Entry]:
    cursor = db.connection.execute(sql, (*_bounds(piece), limit))
    try:
        for row in cursor:
            yield rows.entry(db, row)
    finally:
        cursor.close(True)


def _bounds(piece: Piece) -> tuple[int, int]:
    return rows.entry_rowid(piece.log, piece.first), rows.entry_rowid(piece.log, piece.last)


def summaries(db: Database, chain: Chain, before: int, limit: int) -> list[Summary]:
    """As `ports.store.Reads.summaries` says."""
    found: list[Summary] = []
    for piece in chain.descending(0, before):
        rest = limit - len(found)
        if rest == 0:
            break
        found += [
            Summary(rows.log_and_seq(rowid)[1], first, last)
            for rowid, first, last in db.all(QUERIES.newest_summaries, *_bounds(piece), rest)
        ]
    return found


def origin(db: Database, tenant: str, log: int) -> ContextKey | None:
    """As `ports.store.Reads.origin` says."""
    number = db.tenant(tenant)
    row = db.one(QUERIES.context_key, log, number) if number is not None else None
    return ContextKey(*row) if row and row[0] is not None else None
