"""Chunks on their way: kept for whoever sent them until content names them or a day is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backstory import limits
from backstory.clock import SECOND
from backstory.domain.content import Hold
from backstory.domain.contexts import missing
from backstory.domain.keys import ContextKey
from backstory.domain.sealing import Seal
from backstory.storage.chunks import Encoded
from backstory.storage.sqlite import manifests, reading
from backstory.storage.sqlite.database import CONTENT, Database
from backstory.storage.sqlite.manifests import Grounds
from backstory.storage.sqlite.transaction import Transaction


def keep(
    tx: Transaction, tenant: str, key: ContextKey, holder: bytes, chunks: Sequence[Encoded]
) -> None:
    """As `ports.store.Contents.keep_chunks` says."""
    now = tx.clock.now()
    found = reading.find(tx.db, tenant, key)
    if found is None or not found.head.alive(now):
        raise missing(key)
    tx.writing = True
    for ref, codec, body in chunks:
        name = tx.seal.chunk_name(tenant, ref.hash)
        row = tx.db.one(CONTENT.find_chunk, found.tenant, name)
        if row is None:
            number = tx.db.value(CONTENT.add_chunk, found.tenant, name, ref.size)
            tx.db.run(CONTENT.add_chunk_body, number, int(codec), body)
        else:
            number = row[0]
        tx.db.run(CONTENT.add_upload, holder, number, found.id, now)
    tx.writing = False


def known(db: Database, seal: Seal, tenant: str, hashes: Iterable[bytes]) -> frozenset[bytes]:
    """Which chunks are kept, whoever sent them. For the store itself, nobody may be told."""
    number = db.tenant(tenant)
    return frozenset(
        chunk
        for chunk in hashes
        if db.one(CONTENT.find_chunk, number, seal.chunk_name(tenant, chunk)) is not None
    )


def unfinished(db: Database, tenant: str) -> int:
    """Bytes of the tenant's chunks that no content names, `limits.CHUNK_COST_BYTES` more for each."""
    found: int = db.value(CONTENT.unfinished, db.tenant(tenant), limits.CHUNK_COST_BYTES)
    return found


def held(
    db: Database, seal: Seal, tenant: str, hold: Hold, hashes: Iterable[bytes]
) -> frozenset[bytes]:
    """As `ports.store.Contents.held_chunks` says."""
    number = db.tenant(tenant)
    grounds = Grounds(db, hold)
    found: set[bytes] = set()
    for chunk in hashes:
        row = db.one(CONTENT.find_chunk, number, seal.chunk_name(tenant, chunk))
        if row is not None and grounds.allow(row[0]):
            found.add(chunk)
    return frozenset(found)


def let_go(tx: Transaction, holder: bytes) -> bool:
    """Take back some of a holder's uploads; whether there may be more."""
    chunks = [row[0] for row in tx.db.all(CONTENT.uploads_of, holder, limits.SWEEP_UPLOADS)]
    tx.writing = True
    for chunk in chunks:
        tx.db.run(CONTENT.drop_uploads_of, holder, chunk)
    manifests.release(tx, chunks)
    tx.writing = False
    return len(chunks) == limits.SWEEP_UPLOADS


def sweep(tx: Transaction, now: int) -> None:
    """Take away what was uploaded long ago and never named by content, a bounded part at once."""
    ended = now - limits.UPLOAD_SECONDS * SECOND
    rows = tx.db.all(CONTENT.uploads_before, ended, limits.SWEEP_UPLOADS)
    for row in rows:
        tx.db.run(CONTENT.drop_upload, *row)
    manifests.release(tx, dict.fromkeys(chunk for _, chunk, _ in rows))
