"""Encrypting anew what lies under no key, or under one that writes no more: a few rows at a time.

What is right already is passed over, so that the work may be begun again at any time. Names of
chunks stay as they are: what was stored before encryption was turned on is encrypted under the
tenant's key, and shared as before.
"""

from __future__ import annotations

from dataclasses import dataclass

from backstory import limits
from backstory.domain.keys import ContextKey
from backstory.domain.subjects import TENANT
from backstory.encryption.cipher import Purpose, number_of
from backstory.encryption.ring import Key
from backstory.storage.tables import manifests, rows, sealing
from backstory.storage.tables.database import Row
from backstory.storage.tables.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Place:
    """How far a tenant has come: behind this context, seq, manifest and chunk."""

    context: int = 0
    seq: int = 0
    manifest: int = 0
    chunk: int = 0
    sealed: int = 0
    """Rows that were encrypted on the way."""


def reseal(tx: Transaction, tenant: str, place: Place) -> Place | None:
    """Go on from a place, for at most `limits.RESEAL_ROWS` rows; None at the end."""
    number = tx.db.tenant(tenant)
    if number is None:
        return None
    row = tx.db.one(tx.db.sql.next_context, number, place.context)
    if row is not None:
        return _context(tx, number, row, place)
    row = tx.db.one(tx.db.sql.next_manifest, number, place.manifest)
    if row is not None:
        return _manifest(tx, number, row, place)
    return _chunks(tx, number, place)


def _write(tx: Transaction, sql: str, *params: object) -> int:
    tx.writing = True
    tx.db.run(sql, *params)
    tx.writing = False
    return 1


# -- contexts ----------------------------------------------------------------------------


def _context(tx: Transaction, tenant: int, row: Row, place: Place) -> Place:
    context, namespace, name, last_seq = row
    key = tx.db.key(tenant, namespace)
    assert key is not None
    sealed = 0
    if place.seq == 0:
        sealed += _document_rows(tx, tenant, context, ContextKey(namespace, name), key)
    first = rows.entry_rowid(context, place.seq + 1)
    bounds = first, rows.entry_rowid(context, max(last_seq, place.seq + 1))
    found = tx.db.all(tx.db.sql.page_ascending, tenant, *bounds, limits.RESEAL_ROWS)
    sealed += sum(_entry(tx, tenant, key, entry) for entry in found)
    done = place.sealed + sealed
    if len(found) == limits.RESEAL_ROWS:
        return Place(place.context, rows.log_and_seq(found[-1][0])[1], sealed=done)
    return Place(context, sealed=done)


def _document_rows(tx: Transaction, tenant: int, context: int, name: ContextKey, key: Key) -> int:
    """The state, the reference to content, and documents of the past."""
    sealed = 0
    found = tx.find(tx.db.tenant_name(tenant), name)
    if found is not None:
        version, state, content = tx.db.all(tx.db.sql.bodies_of, tenant, context)[0]
        if state is not None and not _is_right(key, state[0] == sealing.MARK, state[1:]):
            at = Purpose.STATE, tenant, context, version
            text = sealing.seal(tx.db, key, at, found.snapshot.state)
            sealed += _write(tx, tx.db.sql.set_state, tenant, context, text)
        reference = found.head.content
        if (
            content is not None
            and reference is not None
            and not _is_right(key, content[0] == sealing.MARK, content[1:])
        ):
            text = rows.reference(tx.db, found, reference)
            sealed += _write(tx, tx.db.sql.set_reference, tenant, context, text)
    for version, codec, body in tx.db.all(tx.db.sql.documents_from, tenant, context, 0):
        if _is_right(key, bool(codec & sealing.SEALED), body):
            continue
        at_version = context, version
        opened = sealing.unseal_document(tx.db, tenant, at_version, codec, body)
        stored = sealing.seal_document(tx.db, key, tenant, at_version, opened)
        sealed += _write(tx, tx.db.sql.set_document, tenant, context, version, *stored)
    return sealed


def _is_right(key: Key, is_sealed: bool, body: bytes) -> bool:
    return is_sealed and number_of(body) == key.number


def _entry(tx: Transaction, tenant: int, key: Key, row: Row) -> int:
    rowid, _, _, _, content, metadata, entry_id, _ = row
    wrong = [
        content is not None and not _is_right(key, sealing.is_sealed_content(content), content[1:]),
        metadata is not None and not _is_right(key, metadata[0] == sealing.MARK, metadata[1:]),
        isinstance(entry_id, str)
        or (sealing.is_sealed_id(entry_id) and number_of(entry_id) != key.number),
    ]
    if not any(wrong):
        return 0
    if content is not None:
        text = sealing.unseal_content(tx.db, tenant, rowid, content)
        content = sealing.seal_content(tx.db, key, tenant, rowid, text)
    opened = sealing.unseal_metadata(tx.db, tenant, rowid, metadata)
    metadata = sealing.seal_metadata(tx.db, key, tenant, rowid, opened)
    if entry_id is not None:
        packed = sealing.unseal_id(tx.db, tenant, rowid, entry_id)
        entry_id = sealing.seal_id(tx.db, key, tenant, rowid, packed)
    return _write(tx, tx.db.sql.set_entry, tenant, rowid, content, metadata, entry_id)


# -- content -----------------------------------------------------------------------------


def _manifest(tx: Transaction, tenant: int, row: Row, place: Place) -> Place:
    """Pages that are encrypted, under the key that writes for their subject now."""
    number, scope = row
    sealed = 0
    for start, body in tx.db.all(tx.db.sql.manifest_pages, tenant, number) if scope else ():
        key = _successor(tx, tenant, body)
        if key is not None and number_of(body) != key.number:
            page = manifests.unseal_page(tx.db, tenant, scope, (number, start), body)
            at = Purpose.PAGE, tenant, number, start
            stored = sealing.cipher_of(tx.db).seal(key, at, page)
            sealed += _write(tx, tx.db.sql.set_manifest_page, tenant, number, start, stored)
    return Place(place.context, manifest=number, sealed=place.sealed + sealed)


def _chunks(tx: Transaction, tenant: int, place: Place) -> Place | None:
    found = tx.db.all(tx.db.sql.next_chunks, tenant, place.chunk, limits.RESEAL_CHUNKS)
    sealed = 0
    for number, codec, body in found:
        is_sealed = bool(codec & sealing.SEALED)
        key = _successor(tx, tenant, body) if is_sealed else _of_tenant(tx, tenant)
        if key is None or _is_right(key, is_sealed, body):
            continue
        opened = sealing.unseal_chunk(tx.db, tenant, number, codec, body)
        stored = sealing.seal_chunk(tx.db, key, tenant, number, opened)
        sealed += _write(tx, tx.db.sql.set_chunk_body, tenant, number, *stored)
    if not found:
        return None
    last = found[-1][0]
    return Place(place.context, manifest=place.manifest, chunk=last, sealed=place.sealed + sealed)


def _successor(tx: Transaction, tenant: int, body: bytes) -> Key | None:
    """The key that writes for whom the body was sealed; None where its key is destroyed."""
    ring = sealing.cipher_of(tx.db).ring
    wrapped = ring.vault.key(number_of(body))
    if wrapped is None or wrapped.wrapped is None:
        return None
    return ring.current(tx.db.tenant_name(tenant), wrapped.subject)


def _of_tenant(tx: Transaction, tenant: int) -> Key:
    return sealing.cipher_of(tx.db).ring.current(tx.db.tenant_name(tenant), TENANT)
