"""Writes what was planned: one `Effect` into rows."""

from __future__ import annotations

from msgspec import Struct

from backstory.domain.changes import Part
from backstory.domain.commits import Commit
from backstory.domain.contexts import EMPTY_STATE, Snapshot, label_terms
from backstory.domain.documents import Document, changes_document
from backstory.domain.effects import ChainStart, Effect
from backstory.domain.permissions import BINDINGS, ROLES
from backstory.domain.quotas import NAMESPACE as QUOTAS
from backstory.domain.quotas import lives, state_bytes
from backstory.domain.summaries import covers_of
from backstory.encryption.cipher import Purpose
from backstory.encryption.ring import Key
from backstory.storage import deltas
from backstory.storage.tables import erasure, manifests, rows, sealing
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction

_REMEMBERED = frozenset({ROLES, BINDINGS, QUOTAS})
"""What nodes remember of a tenant, and look for changes of."""


class _By(Struct, frozen=True):
    """Whose rows these are, as numbers, and the key that encrypts their text."""

    tenant: int
    author: int
    key: Key | None


class Planned(Struct, frozen=True):
    """An effect with the row it falls on; None where there is no row yet."""

    found: Stored | None
    effect: Effect


def apply(tx: Transaction, commit: Commit, planned: Planned) -> int:
    """Write the effect; returns the context's number."""
    effect, found = planned.effect, planned.found
    tenant = tx.db.intern_tenant(commit.tenant)
    head = effect.after.head
    key = None if effect.purge else tx.db.key(tenant, head.key.namespace)
    by = _By(tenant, tx.db.intern_author(tenant, head.author), key)
    if found is None:
        context = _add(tx, by, commit, effect)
    else:
        context = found.id
        _update(tx, by, commit, found, effect)
    if not effect.purge:
        _append(tx, by, context, effect)
        if effect.parts.has(Part.CONTENT):
            manifests.put(tx, manifests.Place(commit.tenant, by.tenant, context), effect, key)
    if effect.start is not None and not _is_default(effect.start):
        _begin_chain(tx, by.tenant, context, head.version, effect.start)
    _log(tx, by, commit, context, effect)
    return context


def _add(tx: Transaction, by: _By, commit: Commit, effect: Effect) -> int:
    after, start = effect.after, effect.start
    first, closed = (start.first, bool(start.closed.pieces)) if start else (1, False)
    new = Stored(0, by.tenant, after, after.head.version, 0, first, closed)
    context = tx.add(commit.tenant, new, by.author).id
    tx.count(by.tenant, contexts=int(lives(after)))
    _set_state(tx, by, context, None, after)
    _set_labels(tx, by.tenant, context, after)
    return context


def _update(tx: Transaction, by: _By, commit: Commit, found: Stored, effect: Effect) -> None:
    old, new = found.snapshot, effect.after
    if lives(old) is not lives(new):
        tx.count(by.tenant, contexts=lives(new) - lives(old))
    if effect.purge:
        erasure.purge(tx, commit, found, effect, by.author)
        return
    tx.update(commit.tenant, found, _after(tx, by, found, effect), by.author)
    _set_state(tx, by, found.id, old, new)
    if old.head.labels != new.head.labels:
        tx.db.run(tx.db.sql.drop_labels, by.tenant, found.id)
        _set_labels(tx, by.tenant, found.id, new)


def _after(tx: Transaction, by: _By, found: Stored, effect: Effect) -> Stored:
    """The row as the effect leaves it; a document that it replaces is kept."""
    head, start = effect.after.head, effect.start
    version, run = found.document_version, found.deltas
    if changes_document(found.head, head):
        version, run = head.version, _keep(tx, by, found, effect.after)
    first, closed = found.open_first, found.closed
    if start is not None:
        first, closed = start.first, bool(start.closed.pieces)
    return Stored(found.id, found.tenant, effect.after, version, run, first, closed)


def _keep(tx: Transaction, by: _By, found: Stored, after: Snapshot) -> int:
    """Keep the document that is left behind; returns how many now lean on one another."""
    old, new = Document.of(found.snapshot).encode(), Document.of(after).encode()
    codec, body = deltas.encode(old, new, run=found.deltas)
    place = found.id, found.document_version
    stored = sealing.seal_document(tx.db, by.key, by.tenant, place, (codec, body))
    tx.db.run(tx.db.sql.add_document, by.tenant, *place, *stored)
    tx.count(by.tenant, bytes_=len(stored[1]) - sealing.added(by.key))
    return found.deltas + 1 if codec is deltas.Codec.DELTA else 0


def _set_state(tx: Transaction, by: _By, context: int, old: Snapshot | None, new: Snapshot) -> None:
    before = EMPTY_STATE if old is None else old.state
    version = new.head.state_version
    # What is encrypted is bound to the version that wrote it.
    bound = by.key is not None and old is not None and old.head.state_version != version
    if before == new.state and not bound:
        return
    if new.state == EMPTY_STATE:
        tx.db.run(tx.db.sql.drop_state, by.tenant, context)
    else:
        stored = sealing.seal(
            tx.db, by.key, (Purpose.STATE, by.tenant, context, version), new.state
        )
        tx.db.run(tx.db.sql.set_state, by.tenant, context, stored)
    size = 0 if before == EMPTY_STATE else len(before)
    tx.count(by.tenant, bytes_=state_bytes(new) - size)
    tx.words.set_state(by.tenant, context, before, new.state)


def _set_labels(tx: Transaction, tenant: int, context: int, new: Snapshot) -> None:
    for term in label_terms(new.head.labels):
        tx.db.run(tx.db.sql.add_label, tenant, term, context)


def _append(tx: Transaction, by: _By, context: int, effect: Effect) -> None:
    head = effect.after.head
    seq, size = head.last_seq - len(effect.appended), 0
    for entry in effect.appended:
        seq += 1
        rowid = rows.entry_rowid(context, seq)
        content = sealing.seal_content(tx.db, by.key, by.tenant, rowid, entry.content)
        metadata = sealing.seal_metadata(tx.db, by.key, by.tenant, rowid, entry.metadata)
        size += len(content) - sealing.added(by.key, marked=True)
        size += 0 if entry.metadata is None else len(entry.metadata)
        tx.db.run(
            tx.db.sql.add_entry,
            by.tenant,
            rowid,
            head.version,
            rows.pack_time(head.updated_at),
            tx.db.intern_voice(by.tenant, by.author, entry.role, entry.type),
            content,
            metadata,
            *_id(tx, by, rowid, entry.id),
            entry.tokens,
        )
        covers = covers_of(entry.type, entry.metadata)
        if covers is not None:
            tx.db.run(tx.db.sql.add_summary, by.tenant, rowid, *covers)
        tx.words.appended(by.tenant, rowid, entry.content)
    if size:
        tx.count(by.tenant, bytes_=size)


def _id(
    tx: Transaction, by: _By, rowid: int, entry_id: str | None
) -> tuple[str | bytes | None, int | None]:
    """An entry's id, and the key that finds it."""
    if entry_id is None:
        return None, None
    packed = sealing.seal_id(tx.db, by.key, by.tenant, rowid, rows.pack_id(entry_id))
    return packed, rows.id_key(rows.log_and_seq(rowid)[0], entry_id)


def _is_default(start: ChainStart) -> bool:
    return start.first == 1 and not start.closed.pieces


def _begin_chain(
    tx: Transaction, tenant: int, context: int, version: int, start: ChainStart
) -> None:
    pieces = rows.pack_pieces(start.closed)
    tx.db.run(tx.db.sql.add_chain, tenant, context, version, start.first, pieces)
    for log in start.closed.logs:
        if log != context:
            tx.db.run(tx.db.sql.add_chain_ref, tenant, log, context)


def _log(tx: Transaction, by: _By, commit: Commit, context: int, effect: Effect) -> None:
    head = effect.after.head
    tx.db.run(
        tx.db.sql.add_change,
        by.tenant,
        tx.next_position(by.tenant),
        context,
        head.version,
        rows.pack_what(effect.op, effect.parts),
        head.last_seq,
        by.author,
        rows.pack_time(commit.at),
        commit.id,
        rows.pack_seqs(effect.seqs, head.last_seq),
    )
    if head.key.namespace in _REMEMBERED:
        tx.db.run(tx.db.sql.mark_rights, by.tenant, commit.id, commit.at)
