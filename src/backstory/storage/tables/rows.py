"""How domain values lie in rows, and how they are found again."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import orjson
from msgspec import Struct

from backstory.domain.chains import Chain, Piece, Span
from backstory.domain.changes import Change, Op, Part
from backstory.domain.content import ContentRef
from backstory.domain.contexts import EMPTY_STATE, Head, Labels, Snapshot
from backstory.domain.documents import content_members, content_of
from backstory.domain.entries import (
    REDACTED,
    REDACTED_CONTENT,
    Entry,
    Outline,
    Shape,
    derived_id,
)
from backstory.domain.keys import ContextKey
from backstory.encryption.cipher import At, Purpose
from backstory.errors import GoneError
from backstory.storage.tables import sealing
from backstory.storage.tables.database import Database, Row

_SEQ_BITS = 32
_HASH_BITS = 24  # rarely shared within a log, and small in the index
_SEQ_MASK = (1 << _SEQ_BITS) - 1
_OP_BITS = 3
_OP_MASK = (1 << _OP_BITS) - 1
_ORIGIN = 1_767_225_600_000_000  # 2026-01-01; a few years around it fit into six bytes


def pack_time(micros: int) -> int:
    """A time as rows that are many hold it."""
    return micros - _ORIGIN


def unpack_time(packed: int) -> int:
    return packed + _ORIGIN


class Stored(Struct, frozen=True):
    """A context's row: what it says, and what only the store needs of it."""

    id: int
    tenant: int
    snapshot: Snapshot
    document_version: int
    deltas: int
    open_first: int
    closed: bool

    @property
    def head(self) -> Head:
        return self.snapshot.head


def stored(db: Database, row: Row) -> Stored:
    """The row of the queries `find_context`, `context` and `heads`."""
    schema_version, id_, tenant, uid, namespace, name, kind, labels, version, commit = row[:10]
    (state_version, content_version, entry_count, last_seq, author, created_at) = row[10:16]
    (updated_at, expires_at, deleted, born, history_from, document_version) = row[16:22]
    deltas, open_first, closed, content, state = row[22:]
    head = Head(
        uid,
        ContextKey(namespace, name),
        kind,
        version,
        commit,
        state_version,
        content_version,
        labels_from(labels),
        entry_count,
        last_seq,
        db.author(tenant, author),
        created_at,
        updated_at,
        expires_at,
        bool(deleted),
        born,
        history_from,
        content=None if content is None else _reference(db, tenant, uid, content_version, content),
        schema_version=schema_version,
    )
    if state is None:
        state = EMPTY_STATE
    elif state[0] == sealing.MARK:
        state = _or_empty(db, (Purpose.STATE, tenant, id_, state_version), state) or EMPTY_STATE
    snapshot = Snapshot(head, state)
    return Stored(id_, tenant, snapshot, document_version, deltas, open_first, bool(closed))


def _reference(
    db: Database, tenant: int, uid: bytes, version: int, stored: bytes
) -> ContentRef | None:
    text = _or_empty(db, (Purpose.REFERENCE, tenant, place_of(uid), version), stored)
    return None if text is None else content_of(orjson.loads(text))


def _or_empty(db: Database, at: At, stored: bytes) -> bytes | None:
    try:
        return sealing.unseal(db, at, stored)
    except GoneError:
        if db.lenient:
            return None
        raise


def place_of(uid: bytes) -> int:
    """Where a context's reference belongs: its number is not known before its row is written."""
    return int.from_bytes(uid[:8])


def document_columns(db: Database, one: Stored) -> tuple[object, ...]:
    """What only a commit that changes the document writes of a context's row, in the columns' order."""
    head = one.head
    return (
        head.kind,
        labels_text(head.labels),
        head.state_version,
        head.content_version,
        head.created_at,
        head.expires_at,
        head.deleted,
        head.born,
        one.document_version,
        one.deltas,
        one.open_first,
        one.closed,
        None if head.content is None else reference(db, one, head.content),
        head.schema_version,
    )


def reference(db: Database, one: Stored, content: ContentRef) -> bytes:
    """A reference to content as a column holds it."""
    text = orjson.dumps(content_members(content))
    key = db.key(one.tenant, one.head.key.namespace)
    place, version = place_of(one.head.id), one.head.content_version
    return sealing.seal(db, key, (Purpose.REFERENCE, one.tenant, place, version), text)


def labels_text(labels: Labels) -> str | None:
    """Labels as a column holds them; None for none."""
    if not labels:
        return None
    return orjson.dumps(labels if isinstance(labels, tuple) else dict(labels)).decode()


def labels_from(text: str | None) -> Labels:
    if text is None:
        return ()
    labels: list[str] | dict[str, str] = orjson.loads(text)
    return tuple(labels) if isinstance(labels, list) else labels


# -- entries -----------------------------------------------------------------------------


def entry_rowid(log: int, seq: int) -> int:
    return log << _SEQ_BITS | seq


def log_and_seq(rowid: int) -> tuple[int, int]:
    return rowid >> _SEQ_BITS, rowid & _SEQ_MASK


def id_key(log: int, entry_id: str) -> int:
    """Where to look for an entry id of a log: a hint that may be shared by several."""
    digest = blake2b(entry_id.encode(), digest_size=_HASH_BITS // 8).digest()
    return log << _HASH_BITS | int.from_bytes(digest)


def entry(db: Database, tenant: int, row: Row) -> Entry:
    """The row of the queries `page_ascending` and `page_descending`."""
    rowid, version, created_at, voice, content, metadata, entry_id, tokens = row
    seq = rowid & _SEQ_MASK
    role, kind, author = db.voice(tenant, voice)
    return Entry(
        seq,
        derived_id(seq) if entry_id is None else _id(db, tenant, rowid, entry_id),
        role,
        REDACTED if content is None else kind,
        REDACTED_CONTENT if content is None else sealing.unseal_content(db, tenant, rowid, content),
        sealing.unseal_metadata(db, tenant, rowid, metadata),
        author,
        version,
        unpack_time(created_at),
        tokens,
    )


def outline(db: Database, tenant: int, row: Row) -> Outline:
    """The row of the query `outlines`."""
    rowid, voice, tokens, beginning = row
    role, kind, author = db.voice(tenant, voice)
    if beginning is None:
        return Outline(rowid & _SEQ_MASK, role, REDACTED, author, None, Shape.OTHER)
    return Outline(rowid & _SEQ_MASK, role, kind, author, tokens, sealing.shape(beginning))


def _id(db: Database, tenant: int, rowid: int, stored: str | bytes) -> str:
    return unpack_id(sealing.unseal_id(db, tenant, rowid, stored))


def pack_id(entry_id: str) -> str | bytes:
    """An entry id; a UUID in its usual spelling as its 16 bytes."""
    if len(entry_id) == 36 and entry_id[8] == entry_id[13] == entry_id[18] == entry_id[23] == "-":
        digits = entry_id.replace("-", "")
        try:
            raw = bytes.fromhex(digits)
        except ValueError:
            return entry_id
        if unpack_id(raw) == entry_id:
            return raw
    return entry_id


def unpack_id(packed: str | bytes) -> str:
    if isinstance(packed, str):
        return packed
    digits = packed.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# -- changes -----------------------------------------------------------------------------


def pack_what(op: Op, parts: Part) -> int:
    return op | parts << _OP_BITS


def unpack_op(what: int) -> Op:
    return Op(what & _OP_MASK)


def pack_seqs(seqs: Sequence[Span], last_seq: int) -> int | bytes | None:
    """Spans of seqs; the usual ones, the last n of the log, as n."""
    if not seqs:
        return None
    first, last = seqs[0]
    if len(seqs) == 1 and last == last_seq:
        return last - first + 1
    return orjson.dumps(seqs)


def unpack_seqs(packed: int | bytes | None, last_seq: int) -> tuple[Span, ...]:
    if packed is None:
        return ()
    spans = packed if isinstance(packed, int) else orjson.loads(packed)
    if isinstance(spans, int):
        return ((last_seq - spans + 1, last_seq),)
    return tuple((first, last) for first, last in spans)


def change(db: Database, tenant: int, row: Row) -> Change:
    """The row of the queries `changes_after` and `versions_...`."""
    position, commit, uid, namespace, name, kind, version, what, seqs, last_seq, author, at = row
    return Change(
        position,
        commit,
        uid,
        ContextKey(namespace, name) if namespace is not None else None,
        kind,
        version,
        unpack_op(what),
        Part(what >> _OP_BITS),
        unpack_seqs(seqs, last_seq),
        last_seq,
        db.author(tenant, author),
        unpack_time(at),
    )


# -- chains ------------------------------------------------------------------------------


def pack_pieces(chain: Chain) -> bytes:
    return orjson.dumps([(piece.log, piece.first, piece.last) for piece in chain.pieces])


def unpack_pieces(packed: bytes) -> Chain:
    return Chain(tuple(Piece(*piece) for piece in orjson.loads(packed)))


# -- outcomes ----------------------------------------------------------------------------


def pack_runs(seqs: Sequence[int]) -> list[list[int]]:
    """Seqs in their order, as runs of [first, count]."""
    runs: list[list[int]] = []
    for seq in seqs:
        if runs and runs[-1][0] + runs[-1][1] == seq:
            runs[-1][1] += 1
        else:
            runs.append([seq, 1])
    return runs


def unpack_runs(runs: Any) -> tuple[int, ...]:
    return tuple(seq for first, count in runs for seq in range(first, first + count))
