"""Reading contexts, their past and their entries, on whatever connection is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain as flattened

from msgspec import structs

from backstory import limits
from backstory.domain.chains import Chain, Piece
from backstory.domain.contexts import Head, Snapshot, Tag
from backstory.domain.documents import Document
from backstory.domain.entries import Entry, Outline
from backstory.domain.keys import ContextKey
from backstory.domain.summaries import Summary
from backstory.errors import GoneError
from backstory.ports.store import EntryPage, EntryQuery, OutlinePage, OutlineQuery, Standing, View
from backstory.storage import deltas
from backstory.storage.tables import rows, sealing
from backstory.storage.tables.database import Database
from backstory.storage.tables.rows import Stored


def find(db: Database, tenant: str, key: ContextKey, *, state: bool = True) -> Stored | None:
    """The context of that name as it stands, a tombstone too; None after a purge.

    Without `state` its state is not read and is said to be empty.
    """
    number = db.tenant(tenant)
    if number is None:
        return None
    row = db.one(db.sql.find_context, number, key.namespace, key.name, state)
    return rows.stored(db, row) if row else None


def by_id(db: Database, tenant: int, context: int) -> Stored | None:
    """The context as it stands; None after a purge."""
    row = db.one(db.sql.context, tenant, context)
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
    row = None if number is None else db.one(db.sql.tag_of, number, key.namespace, key.name)
    return Tag(row[0], row[1]) if row and not row[2] else None


def standings(db: Database, tenant: str, keys: Sequence[ContextKey]) -> list[Standing | None]:
    """As `ports.store.Reads.standings` says."""
    number = db.tenant(tenant)
    if number is None:
        return [None] * len(keys)
    return [_standing(db, number, key) for key in keys]


def _standing(db: Database, tenant: int, key: ContextKey) -> Standing | None:
    row = db.one(db.sql.tag_of, tenant, key.namespace, key.name)
    return Standing(Tag(row[0], row[1]), row[3], row[4]) if row else None


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
    row = db.one(db.sql.change_at, found.tenant, found.id, at) if at >= head.history_from else None
    if row is None:
        raise gone(head, at)
    last_seq, author, moment, commit = row
    document = document_at(db, found, at)
    chain = Chain() if document.deleted else chain_at(db, found, at, last_seq)
    past = structs.replace(
        head,
        kind=document.kind,
        version=at,
        commit=commit,
        state_version=document.state_version,
        content_version=document.content_version,
        labels=document.labels,
        entry_count=chain.count,
        last_seq=last_seq,
        author=db.author(found.tenant, author),
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
        return chain_at(db, found, head.version, head.last_seq)
    return open_chain(found)


def open_chain(found: Stored) -> Chain:
    """What a context shows that has no closed pieces."""
    head = found.head
    return Chain() if head.deleted else Chain().extend(found.id, found.open_first, head.last_seq)


def chain_at(db: Database, found: Stored, version: int, last_seq: int) -> Chain:
    """The chain at a version whose highest seq is given."""
    row = db.one(db.sql.chain_at, found.tenant, found.id, version)
    if row is None:
        return Chain().extend(found.id, 1, last_seq)
    first, pieces = row
    return rows.unpack_pieces(pieces).extend(found.id, first, last_seq)


def document_at(db: Database, found: Stored, version: int) -> Document:
    """The document that was valid at a version of the kept history."""
    newest = Document.of(found.snapshot)
    if version >= found.document_version:
        return newest
    made = db.value(db.sql.document_version, found.tenant, found.id, version)
    if made is None:
        raise gone(found.head, version)
    bodies = _bodies(db, found, made)
    return Document.decode(deltas.decode(reversed(bodies), newest.encode()))


def _bodies(db: Database, found: Stored, made: int) -> list[tuple[deltas.Codec, bytes]]:
    """The document made at a version and those it leans on, oldest first."""
    bodies: list[tuple[deltas.Codec, bytes]] = []
    for version, stored, body in db.each(db.sql.documents_from, found.tenant, found.id, made):
        place = found.id, version
        codec, opened = sealing.unseal_document(db, found.tenant, place, stored, body)
        bodies.append((codec, opened))
        if codec is not deltas.Codec.DELTA:
            break
    return bodies


def page(db: Database, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:
    """As `ports.store.Reads.page` says."""
    entries: list[Entry] = []
    room = query.max_bytes
    number = db.tenant(tenant)
    for entry in _entries(db, number, chain, query) if number is not None else ():
        room -= entry.size
        if len(entries) == query.limit or (entries and room < 0):
            return EntryPage(tuple(entries), more=True)
        entries.append(entry)
    return EntryPage(tuple(entries), more=False)


def _entries(db: Database, tenant: int, chain: Chain, query: EntryQuery) -> Iterator[Entry]:
    """The entries in question, lazily, and one more than are wanted."""
    before = min(query.before, limits.SEQ_MAX + 1)
    pieces = chain.descending if query.descending else chain.ascending
    sql = db.sql.page_descending if query.descending else db.sql.page_ascending
    read = partial(rows.entry, db, tenant)
    found = (
        db.each(sql, tenant, *_bounds(piece), query.limit + 1)
        for piece in pieces(query.after, before)
    )
    return map(read, flattened.from_iterable(found))


def outline(db: Database, tenant: str, chain: Chain, query: OutlineQuery) -> OutlinePage:
    """As `ports.store.Reads.outline` says."""
    found: list[Outline] = []
    room = query.max_tokens
    number = db.tenant(tenant)
    if number is None:
        return OutlinePage(found, more=False)
    before = min(query.before, limits.SEQ_MAX + 1)
    for piece in chain.descending(0, before):
        for row in db.few(db.sql.outlines, number, *_bounds(piece), query.limit + 1):
            if room < 0 or len(found) == query.limit:
                return OutlinePage(found, more=True)
            one = rows.outline(db, number, row)
            room -= one.tokens or 0
            found.append(one)
    return OutlinePage(found, more=False)


def _bounds(piece: Piece) -> tuple[int, int]:
    return rows.entry_rowid(piece.log, piece.first), rows.entry_rowid(piece.log, piece.last)


def summaries(db: Database, tenant: str, chain: Chain, before: int, limit: int) -> list[Summary]:
    """As `ports.store.Reads.summaries` says."""
    found: list[Summary] = []
    number = db.tenant(tenant)
    for piece in chain.descending(0, before):
        rest = limit - len(found)
        if rest == 0:
            break
        found += [
            Summary(rows.log_and_seq(rowid)[1], first, last)
            for rowid, first, last in db.all(db.sql.newest_summaries, number, *_bounds(piece), rest)
        ]
    return found


def origin(db: Database, tenant: str, log: int) -> ContextKey | None:
    """As `ports.store.Reads.origin` says."""
    number = db.tenant(tenant)
    row = db.one(db.sql.context_key, number, log) if number is not None else None
    return ContextKey(*row) if row and row[0] is not None else None
