"""Finds what `domain.planning.plan` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from backstory.domain.chains import Chain
from backstory.domain.commits import Fork, Operation
from backstory.domain.documents import Document
from backstory.domain.effects import Loaded, Needs, Past
from backstory.domain.entries import derived_seq
from backstory.domain.keys import ContextKey
from backstory.domain.planning import needs
from backstory.domain.principals import Trust
from backstory.errors import GoneError
from backstory.storage.tables import manifests, reading, rows, sealing
from backstory.storage.tables.database import Database
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction

_UNSEEN: Final = Chain()


def load(
    tx: Transaction, tenant: str, key: ContextKey, operations: Sequence[Operation]
) -> tuple[Stored | None, Loaded]:
    """The context's row, and all that its operations need."""
    asked = needs(operations)
    found = tx.find(tenant, key, state=asked.state)
    forks = asked.past is not None and any(isinstance(one, Fork) for one in operations)
    source = tx.find(tenant, asked.past[0]) if asked.past and forks else None
    past = _past(tx.db, source if forks else found, asked)
    if found is None:
        version, last_seq = _left_over(tx, tenant, key)
        return None, Loaded(
            version=version,
            last_seq=last_seq,
            past=past,
            source=source.snapshot if source else None,
        )
    wants_chain = asked.chain or asked.ids or asked.redact is not None
    chain = reading.chain_now(tx.db, found) if wants_chain else _UNSEEN
    return found, Loaded(
        snapshot=found.snapshot,
        version=found.head.version,
        last_seq=found.head.last_seq,
        known=known_ids(tx.db, found.tenant, chain, asked.ids),
        chain=chain,
        past=past,
        source=source.snapshot if source else None,
        redactable=_redactable(tx.db, found.tenant, chain, asked.redact),
        missing=manifests.missing(tx, tenant, key, asked.content) if asked.content else (),
    )


def known_ids(db: Database, tenant: int, chain: Chain, ids: Iterable[str]) -> dict[str, int]:
    """The seq of each id that an entry of the chain has."""
    known: dict[str, int] = {}
    for entry_id in ids:
        seq = _seq_of(db, tenant, chain, entry_id)
        if seq is not None:
            known[entry_id] = seq
    return known


def _seq_of(db: Database, tenant: int, chain: Chain, entry_id: str) -> int | None:
    derived = derived_seq(entry_id)
    if derived is not None:
        return derived if _has_derived_id(db, tenant, chain, derived) else None
    packed = rows.pack_id(entry_id)
    for log in chain.logs:
        for rowid, candidate in db.all(db.sql.ids_like, tenant, rows.id_key(log, entry_id)):
            seq = rows.log_and_seq(rowid)[1]
            if chain.shows(log, seq) and _is(db, tenant, rowid, candidate, packed):
                return seq
    return None


def _is(db: Database, tenant: int, rowid: int, candidate: str | bytes, packed: str | bytes) -> bool:
    return candidate == packed or sealing.unseal_id(db, tenant, rowid, candidate) == packed


def _has_derived_id(db: Database, tenant: int, chain: Chain, seq: int) -> bool:
    log = chain.locate(seq)
    if log is None:
        return False
    row = db.one(db.sql.entry_id, tenant, rows.entry_rowid(log, seq))
    return row is not None and row[0] is None


def _redactable(db: Database, tenant: int, chain: Chain, seq: int | None) -> bool | None:
    log = chain.locate(seq) if seq is not None else None
    if seq is None or log is None:
        return None
    row = db.one(db.sql.entry_content, tenant, rows.entry_rowid(log, seq))
    return None if row is None else row[0] is not None


def _past(db: Database, found: Stored | None, asked: Needs) -> Past | None:
    if asked.past is None or found is None:
        return None
    key, version = asked.past
    if version is None or version == found.head.version:
        chain = reading.chain_now(db, found)
        document = Document.of(found.snapshot)
        return Past(key, found.head.version, document, chain, _trust(db, found, document))
    try:
        past = reading.view_at(db, found, version)
    except GoneError:
        return None
    document = Document.of(past.snapshot)
    return Past(key, version, document, past.chain, _trust(db, found, document))


def _trust(db: Database, found: Stored, document: Document) -> Trust:
    """That of who wrote the document; the least where that was let go."""
    trust = Trust.OPERATOR
    for version in document.written_at:
        row = db.one(db.sql.change_at, found.tenant, found.id, version)
        trust = max(trust, db.author(found.tenant, row[1]).trust if row else Trust.IMPORT)
    return trust


def _left_over(tx: Transaction, tenant: str, key: ContextKey) -> tuple[int, int]:
    """Where a name that is not there goes on from: version and last seq."""
    number = tx.db.tenant(tenant)
    row = number and tx.db.one(tx.db.sql.purged, number, tx.name_hash(tenant, key))
    return (row[0], row[1]) if row else (0, 0)
