"""Chunks on their way: kept for whoever sent them until content names them or a day is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blake3 import blake3

from backstory import limits
from backstory.clock import SECOND
from backstory.domain.content import Hold
from backstory.domain.contexts import missing
from backstory.domain.keys import ContextKey
from backstory.domain.quotas import Quota, Usage, require
from backstory.domain.sealing import Seal
from backstory.errors import KeyUnusableError, StoreCorruptError
from backstory.storage.chunks import Encoded, bytes_of
from backstory.storage.tables import manifests, sealing
from backstory.storage.tables.database import Database, Row
from backstory.storage.tables.manifests import Grounds
from backstory.storage.tables.transaction import Transaction


def keep(
    tx: Transaction,
    tenant: str,
    key: ContextKey,
    holder: bytes,
    chunks: Sequence[Encoded],
    *,
    fresh: frozenset[bytes],
    quota: Quota | None,
) -> None:
    """As `ports.store.Contents.keep_chunks` says; of what is kept, `fresh` ones were not whole."""
    now = tx.clock.now()
    found = tx.find(tenant, key)
    if found is None or not found.head.alive(now):
        raise missing(key)
    sealing_key = tx.db.key(found.tenant, key.namespace)
    scope = manifests.scope_of(tx.db, found.tenant, key.namespace)
    hashes = [ref.hash for ref, _, _ in chunks]
    kept = manifests.find(tx.db, tx.seal, tenant, scope, hashes)
    numbers = {chunk: row[0] for chunk, row in kept.items()}
    if quota is not None and not key.reserved:
        added = {ref.hash: len(body) for ref, _, body in chunks if ref.hash not in numbers}
        require(quota, tx.usage(found.tenant), Usage(bytes=sum(added.values())))
    tx.writing = True
    for ref, codec, body in chunks:
        number = numbers.get(ref.hash)
        if number is None:
            name = manifests.chunk_name(tx.db, tx.seal, tenant, scope, ref.hash)
            number = tx.db.insert(tx.db.sql.add_chunk, found.tenant, name, ref.size)
            stored = sealing.seal_chunk(tx.db, sealing_key, found.tenant, number, (codec, body))
            tx.db.run(tx.db.sql.add_chunk_body, found.tenant, number, *stored)
            numbers[ref.hash] = number
            tx.count(found.tenant, bytes_=len(body))
        elif ref.hash in fresh:
            stored = sealing.seal_chunk(tx.db, sealing_key, found.tenant, number, (codec, body))
            gone = tx.db.value(tx.db.sql.chunk_bytes, found.tenant, number) is None
            write = tx.db.sql.add_chunk_body if gone else tx.db.sql.set_chunk_body
            tx.db.run(write, found.tenant, number, *stored)  # as many bytes were counted before
        tx.db.run(tx.db.sql.add_upload, found.tenant, holder, number, found.id, now)
    tx.writing = False


def known(
    db: Database, seal: Seal, tenant: str, key: ContextKey, hashes: Iterable[bytes]
) -> frozenset[bytes]:
    """Which chunks are kept whole, whoever sent them. For the store itself, nobody may be told.

    A damaged one is not among them, so that sending it again mends it.
    """
    number = db.tenant(tenant)
    if number is None:
        return frozenset()
    scope = manifests.scope_of(db, number, key.namespace)
    kept = manifests.find(db, seal, tenant, scope, hashes)
    names = {chunk: manifests.chunk_name(db, seal, tenant, scope, chunk) for chunk in kept}
    db.foresee(db.sql.chunk_body, number, [(name,) for name in names.values()])
    return frozenset(chunk for chunk, name in names.items() if _is_whole(db, number, chunk, name))


def _is_whole(db: Database, tenant: int, chunk: bytes, name: bytes) -> bool:
    row = db.one(db.sql.chunk_body, tenant, name)
    if row is None or row[1] is None:
        return False
    try:
        codec, body = sealing.unseal_chunk(db, tenant, *row)
    except (StoreCorruptError, KeyUnusableError):
        return False
    return blake3(bytes_of(limits.CHUNK_BYTES, codec, body)).digest() == chunk


def unfinished(db: Database, tenant: str) -> int:
    """Bytes of the tenant's chunks that no content names, `limits.CHUNK_COST_BYTES` more for each."""
    found: int = db.value(db.sql.unfinished, db.tenant(tenant), limits.CHUNK_COST_BYTES)
    return found


def held(
    db: Database, seal: Seal, tenant: str, key: ContextKey, *, hold: Hold, hashes: Iterable[bytes]
) -> frozenset[bytes]:
    """As `ports.store.Contents.held_chunks` says."""
    number = db.tenant(tenant)
    if number is None:
        return frozenset()
    grounds = Grounds(db, number, hold)
    scope = manifests.scope_of(db, number, key.namespace)
    kept = manifests.find(db, seal, tenant, scope, hashes)
    grounds.foresee([row[0] for row in kept.values()])
    return frozenset(chunk for chunk, row in kept.items() if grounds.allow(row[0]))


def let_go(tx: Transaction, tenant: str, holder: bytes) -> bool:
    """Take back some of a holder's uploads; whether there may be more."""
    number = tx.db.tenant(tenant)
    if number is None:
        return False
    rows = tx.db.all(tx.db.sql.uploads_of, number, holder, limits.SWEEP_UPLOADS)
    chunks = [row[0] for row in rows]
    tx.writing = True
    for chunk in chunks:
        tx.db.run(tx.db.sql.drop_uploads_of, number, holder, chunk)
    manifests.release(tx, number, chunks)
    tx.writing = False
    return len(chunks) == limits.SWEEP_UPLOADS


def ended(now: int) -> int:
    """Uploads up to this moment are over."""
    return now - limits.UPLOAD_SECONDS * SECOND


def end(tx: Transaction, rows: Iterable[Row]) -> None:
    """Take away what was uploaded long ago and never named by content.

    Rows are a tenant, a holder, a chunk and a context.
    """
    chunks: dict[int, dict[int, None]] = {}
    for row in rows:
        tx.db.run(tx.db.sql.drop_upload, *row)
        chunks.setdefault(row[0], {})[row[2]] = None
    for tenant, of_tenant in chunks.items():
        manifests.release(tx, tenant, of_tenant)
