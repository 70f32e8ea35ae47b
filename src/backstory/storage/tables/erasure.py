"""Erasing: what no kept version of any context shows any more is taken out of the file.

Which entries a context's kept history shows is its coverage: spans of seqs for each log. An
entry goes when it was in the coverage that is given up and is in no other. From then on
nobody can reach it; its rows are erased a few at a time, so that other writers need not wait
for the purge of a long conversation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from backstory.domain.chains import Chain, Span, merge, subtract
from backstory.domain.changes import Op
from backstory.domain.commits import Commit
from backstory.domain.contexts import EMPTY_STATE, Head
from backstory.domain.effects import Effect
from backstory.domain.keys import ContextKey
from backstory.errors import MissingError
from backstory.ports.audits import UnsealedError
from backstory.storage.tables import auditing, manifests, reading, rows
from backstory.storage.tables.database import Database
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction

Coverage = dict[int, tuple[Span, ...]]
_ENDS = (Op.DELETED, Op.EXPIRED)


def redact(tx: Transaction, tenant: int, reached: Iterable[int]) -> None:
    """Take the text of entries out, and what is known of those that are summaries."""
    for rowid in reached:
        content = tx.db.value(tx.db.sql.entry_content, tenant, rowid)
        if content is not None:
            tx.words.follow(tenant)
            tx.words.erase_entry(tenant, rowid, content)
            tx.count(tenant, bytes_=-tx.db.value(tx.db.sql.entries_bytes, tenant, rowid, rowid))
            tx.db.run(tx.db.sql.redact_entry, tenant, rowid)
            tx.db.run(tx.db.sql.drop_summaries, tenant, rowid, rowid)
            tx.erased = True


def purge(tx: Transaction, commit: Commit, found: Stored, effect: Effect, author: int) -> None:
    """Keep of the context its id, version, last seq and the hash of its name."""
    head = effect.after.head
    name = tx.name_hash(commit.tenant, head.key)
    covered = coverage(tx.db, found)
    covered[found.id] = ((1, head.last_seq),)
    tx.words.set_state(found.tenant, found.id, found.snapshot.state, EMPTY_STATE)
    kept: int = tx.db.value(tx.db.sql.context_bytes, found.tenant, found.id)
    tx.count(found.tenant, bytes_=-kept)
    for sql in (
        tx.db.sql.drop_state,
        tx.db.sql.drop_labels,
        tx.db.sql.drop_documents,
        tx.db.sql.drop_chains,
        tx.db.sql.drop_chain_refs,
    ):
        tx.db.run(sql, found.tenant, found.id)
    tx.db.run(
        tx.db.sql.purge_context,
        found.tenant,
        found.id,
        head.version,
        head.commit,
        head.last_seq,
        author,
        head.updated_at,
        name,
    )
    tx.db.run(tx.db.sql.drop_audit_name, found.tenant, name)
    tx.forget(commit.tenant, head.key)
    manifests.forget(tx, commit.tenant, found.id)
    _give_up(tx, found.tenant, covered)


def forget(
    tx: Transaction,
    tenant: str,
    key: ContextKey,
    before: int,
    act: tuple[int, bytes] | None = None,
) -> Head:
    """As `ports.store.Commits.forget` says."""
    found = tx.find(tenant, key)
    if found is None:
        raise MissingError(f"there is no context {key}")
    if before > found.head.version:
        raise reading.gone(found.head, before)
    if before <= found.head.history_from:
        return found.head
    if act is not None:
        newest = auditing.newest_change_below(tx.db, found.tenant, found.id, before)
        if newest > auditing.sealed_upto(tx.db, found.tenant):
            raise UnsealedError
    tx.writing = True
    if act is not None:
        auditing.keep_act(tx.db, found.tenant, *act)
    tx.words.follow(found.tenant)
    covered = coverage(tx.db, found)
    size: int = tx.db.value(tx.db.sql.context_bytes, found.tenant, found.id)
    _drop_below(tx.db, found, before)
    size -= tx.db.value(tx.db.sql.context_bytes, found.tenant, found.id)
    tx.count(found.tenant, bytes_=-size)
    manifests.forget(tx, tenant, found.id, before)
    tx.forget(tenant, key)
    kept = reading.by_id(tx.db, found.tenant, found.id)
    assert kept is not None
    remaining = coverage(tx.db, kept)
    _set_refs(tx.db, found, remaining)
    lost = {log: subtract(spans, remaining.get(log, ())) for log, spans in covered.items()}
    _give_up(tx, found.tenant, lost)
    tx.writing = False
    return kept.head


def coverage(db: Database, found: Stored) -> Coverage:
    """The entries that any kept version of the context shows, by log."""
    spans: dict[int, list[Span]] = defaultdict(list)
    for chain in kept_chains(db, found):
        for piece in chain.pieces:
            spans[piece.log].append((piece.first, piece.last))
    return {log: merge(of_log) for log, of_log in spans.items()}


def kept_chains(db: Database, found: Stored) -> Iterator[Chain]:
    """The fullest form of each chain within the kept history."""
    starts = [(0, 1, b"[]"), *db.all(db.sql.chains, found.tenant, found.id)]
    ends = [version - 1 for version, _, _ in starts[1:]] + [found.head.version]
    for (_, first, pieces), end in zip(starts, ends, strict=True):
        if end < found.head.history_from:
            continue
        what, last_seq = db.all(db.sql.what_at, found.tenant, found.id, end)[0]
        ended = rows.unpack_op(what) in _ENDS
        if not (ended and end == found.head.history_from):
            yield rows.unpack_pieces(pieces).extend(found.id, first, last_seq)


def _drop_below(db: Database, found: Stored, before: int) -> None:
    """Let go of the rows that only versions below `before` need."""
    key = found.tenant, found.id
    made = db.value(db.sql.document_version, *key, before)
    if before >= found.document_version:
        made = found.document_version
    db.run(db.sql.drop_documents_below, *key, made or 0)
    begun = db.value(db.sql.chain_version, *key, before)
    db.run(db.sql.drop_chains_below, *key, begun or 0)
    db.run(db.sql.drop_changes_below, *key, before)
    db.run(db.sql.set_history_from, *key, before)


def _set_refs(db: Database, found: Stored, remaining: Iterable[int]) -> None:
    db.run(db.sql.drop_chain_refs, found.tenant, found.id)
    for log in remaining:
        if log != found.id:
            db.run(db.sql.add_chain_ref, found.tenant, log, found.id)


def _give_up(tx: Transaction, tenant: int, lost: Coverage) -> None:
    """Have those entries erased that nobody else's kept history shows."""
    for log, spans in lost.items():
        if not spans:
            continue
        for first, last in subtract(spans, _shown(tx.db, tenant, log)):
            tx.db.run(tx.db.sql.add_erasure, tenant, log, first, last)
    tx.erased = True


def _shown(db: Database, tenant: int, log: int) -> Iterator[Span]:
    """What of a log is shown by its own context and by others."""
    showing = [log, *(row[0] for row in db.all(db.sql.contexts_showing, tenant, log))]
    for context in showing:
        found = reading.by_id(db, tenant, context)
        if found is not None:
            yield from coverage(db, found).get(log, ())
