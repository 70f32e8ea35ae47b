"""Writes what was planned: one `Effect` into rows."""

from __future__ import annotations

from dataclasses import dataclass

from backstory.domain.changes import Part
from backstory.domain.commits import Commit
from backstory.domain.contexts import EMPTY_STATE, Snapshot, label_terms
from backstory.domain.documents import Document, changes_document
from backstory.domain.effects import ChainStart, Effect
from backstory.domain.summaries import covers_of
from backstory.storage import contents, deltas
from backstory.storage.sqlite import erasure, manifests, rows
from backstory.storage.sqlite.database import QUERIES
from backstory.storage.sqlite.rows import Stored
from backstory.storage.sqlite.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _By:
    """Whose rows these are, as numbers."""

    tenant: int
    author: int


@dataclass(frozen=True, slots=True)
class Planned:
    """An effect with the row it falls on; None where there is no row yet."""

    found: Stored | None
    effect: Effect


def apply(tx: Transaction, commit: Commit, planned: Planned) -> int:
    """Write the effect; returns the context's number."""
    effect, found = planned.effect, planned.found
    by = _By(tx.db.intern_tenant(commit.tenant), tx.db.intern_author(effect.after.head.author))
    if found is None:
        context = _insert(tx, by, effect)
    else:
        context = found.id
        _update(tx, by, commit, found, effect)
    if not effect.purge:
        _append(tx, by, context, effect)
        if effect.parts & Part.CONTENT:
            manifests.put(tx, manifests.Place(commit.tenant, by.tenant, context), effect)
    if effect.start is not None and not _is_default(effect.start):
        _begin_chain(tx, context, effect.after.head.version, effect.start)
    _log(tx, by, commit, context, effect)
    return context


def _insert(tx: Transaction, by: _By, effect: Effect) -> int:
    head = effect.after.head
    start = effect.start
    context: int = tx.db.value(
        QUERIES.add_context,
        by.tenant,
        head.id,
        head.key.namespace,
        head.key.name,
        head.kind,
        rows.labels_text(head.labels),
        head.version,
        head.commit,
        head.state_version,
        head.content_version,
        head.entry_count,
        head.last_seq,
        by.author,
        head.created_at,
        head.updated_at,
        head.expires_at,
        head.deleted,
        head.born,
        head.history_from,
        start.first if start else 1,
        bool(start and start.closed.pieces),
        rows.content_text(head.content),
        head.schema_version,
    )
    _set_state(tx, by.tenant, context, EMPTY_STATE, effect.after)
    _set_labels(tx, by.tenant, context, effect.after)
    return context


def _update(tx: Transaction, by: _By, commit: Commit, found: Stored, effect: Effect) -> None:
    old, new = found.snapshot, effect.after
    head = new.head
    if effect.purge:
        erasure.purge(tx, commit, found, effect, by.author)
        return
    touched = (found.id, head.version, head.commit, head.entry_count, head.last_seq, by.author)
    if effect.start is None and not changes_document(old.head, head):
        tx.db.run(QUERIES.touch_context, *touched, head.updated_at)
    else:
        _update_whole(tx, touched, found, effect)
        _set_state(tx, by.tenant, found.id, old.state, new)
        if old.head.labels != head.labels:
            tx.db.run(QUERIES.drop_labels, found.id)
            _set_labels(tx, by.tenant, found.id, new)


def _update_whole(
    tx: Transaction, touched: tuple[object, ...], found: Stored, effect: Effect
) -> None:
    head, start = effect.after.head, effect.start
    version, run = found.document_version, found.deltas
    if changes_document(found.head, head):
        version, run = head.version, _keep(tx, found, effect.after)
    tx.db.run(
        QUERIES.set_context,
        *touched,
        head.updated_at,
        head.kind,
        rows.labels_text(head.labels),
        head.state_version,
        head.content_version,
        head.created_at,
        head.expires_at,
        head.deleted,
        head.born,
        version,
        run,
        start.first if start else found.open_first,
        bool(start.closed.pieces) if start else found.closed,
        rows.content_text(head.content),
        head.schema_version,
    )


def _keep(tx: Transaction, found: Stored, after: Snapshot) -> int:
    """Keep the document that is left behind; returns how many now lean on one another."""
    old, new = Document.of(found.snapshot).encode(), Document.of(after).encode()
    codec, body = deltas.encode(old, new, run=found.deltas)
    tx.db.run(QUERIES.add_document, found.id, found.document_version, codec, body)
    return found.deltas + 1 if codec is deltas.Codec.DELTA else 0


def _set_state(tx: Transaction, tenant: int, context: int, old: bytes, new: Snapshot) -> None:
    if old == new.state:
        return
    if new.state == EMPTY_STATE:
        tx.db.run(QUERIES.drop_state, context)
    else:
        tx.db.run(QUERIES.set_state, context, new.state)
    tx.words.set_state(tenant, context, old, new.state)


def _set_labels(tx: Transaction, tenant: int, context: int, new: Snapshot) -> None:
    for term in label_terms(new.head.labels):
        tx.db.run(QUERIES.add_label, tenant, term, context)


def _append(tx: Transaction, by: _By, context: int, effect: Effect) -> None:
    head = effect.after.head
    if effect.appended:
        tx.words.appended(by.tenant)
    seq = head.last_seq - len(effect.appended)
    for entry in effect.appended:
        seq += 1
        rowid = rows.entry_rowid(context, seq)
        tx.db.run(
            QUERIES.add_entry,
            rowid,
            head.version,
            rows.pack_time(head.updated_at),
            tx.db.intern_voice(by.author, entry.role, entry.type),
            contents.encode(entry.content),
            entry.metadata,
            None if entry.id is None else rows.pack_id(entry.id),
            None if entry.id is None else rows.id_key(context, entry.id),
            entry.tokens,
        )
        covers = covers_of(entry.type, entry.metadata)
        if covers is not None:
            tx.db.run(QUERIES.add_summary, rowid, *covers)


def _is_default(start: ChainStart) -> bool:
    return start.first == 1 and not start.closed.pieces


def _begin_chain(tx: Transaction, context: int, version: int, start: ChainStart) -> None:
    pieces = rows.pack_pieces(start.closed)
    tx.db.run(QUERIES.add_chain, context, version, start.first, pieces)
    for log in start.closed.logs:
        if log != context:
            tx.db.run(QUERIES.add_chain_ref, log, context)


def _log(tx: Transaction, by: _By, commit: Commit, context: int, effect: Effect) -> None:
    head = effect.after.head
    tx.db.run(
        QUERIES.add_change,
        rows.change_rowid(by.tenant, tx.next_position(by.tenant)),
        context,
        head.version,
        rows.pack_what(effect.op, effect.parts),
        head.last_seq,
        by.author,
        rows.pack_time(commit.at),
        commit.id,
        rows.pack_seqs(effect.seqs, head.last_seq),
    )
