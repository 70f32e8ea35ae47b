"""The audit trail in rows: ports/audits.py."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache

from backstory import zstd
from backstory.clock import SECOND
from backstory.domain.audit import WRITE, Block, Name, Tip, Written, event_of
from backstory.domain.changes import Part
from backstory.domain.keys import ContextKey
from backstory.domain.sealing import Seal
from backstory.domain.subjects import subject_of
from backstory.ports.audits import Addition, Resolved
from backstory.storage.tables import rows
from backstory.storage.tables.database import Database, Row

_DAY = 24 * 3600 * SECOND
_LEVEL = 3
_MOST = 64 * 2**20  # of one block's lines, far beyond what is sealed at once


def tip(db: Database, tenant: str) -> Tip | None:
    """As `ports.audits.Audits.audit_tip` says."""
    number = db.tenant(tenant)
    row = None if number is None else db.one(db.sql.audit_tip, number)
    if row is None:
        return None
    block, events, position, hash_, kept, checkpoint = row
    return Tip(block, events, position, bytes(hash_), kept, checkpoint)


def written(db: Database, seal: Seal, tenant: str, after: int, limit: int) -> Sequence[Written]:
    """As `ports.audits.Audits.audit_written` says."""
    number = db.tenant(tenant)
    if number is None:
        return ()
    writer = _Writer(db, seal, tenant, number)
    return [writer.event(row) for row in db.all(db.sql.audit_written, number, after, limit)]


class _Writer:
    """Makes events of rows; most of a page are of few contexts and callers."""

    def __init__(self, db: Database, seal: Seal, tenant: str, number: int) -> None:
        self._db, self._seal, self._tenant, self._number = db, seal, tenant, number
        self._on: dict[int, list[str]] = {}
        self._by: dict[int, str] = {}

    def event(self, row: Row) -> Written:
        (
            position,
            context,
            namespace,
            name,
            hash_,
            version,
            what,
            seqs,
            last_seq,
            author,
            at,
            commit,
        ) = row
        on = self._on.get(context)
        if on is None:
            made = hash_ or name_hash(self._seal, self._tenant, ContextKey(namespace, name))
            on = self._on[context] = [made.hex()]
        by = self._by.get(author)
        if by is None:
            by = self._by[author] = self._subject(author)
        op, parts = _words(what)
        return {
            "at": rows.unpack_time(at),
            "do": WRITE,
            "op": op,
            "parts": parts,
            "on": on,
            "by": by,
            "version": version,
            "seqs": rows.unpack_seqs(seqs, last_seq),
            "commit": commit.hex(),
            "position": position,
            "context": context,
            "author": author,
        }

    def _subject(self, author: int) -> str:
        subject = self._db.author(self._number, author).subject
        return self._seal.hash("subject", self._tenant.encode(), subject.encode()).hex()


@lru_cache(maxsize=1024)
def _words(what: int) -> tuple[str, list[str]]:
    return rows.unpack_op(what).word, Part(what >> 3).words


def name_hash(seal: Seal, tenant: str, key: ContextKey) -> bytes:
    """What stands for the name of a context, here and after its purge."""
    return seal.hash("name", tenant.encode(), str(key).encode())


def acts(db: Database, tenant: str, limit: int) -> Sequence[tuple[bytes, bytes]]:
    """As `ports.audits.Audits.audit_acts` says."""
    number = db.tenant(tenant)
    if number is None:
        return ()
    return [(bytes(id_), bytes(event)) for id_, event in db.all(db.sql.audit_acts, number, limit)]


def keep_act(db: Database, tenant: int, at: int, event: bytes) -> None:
    """As `ports.audits.Audits.keep_act` says, in whatever transaction this is."""
    db.run(db.sql.keep_act, tenant, secrets.token_bytes(16), at, event)


def add(db: Database, seal: Seal, tenant: int, before: Tip | None, addition: Addition) -> bool:
    """As `ports.audits.Audits.add_audit` says."""
    if before is None:
        db.all(db.sql.begin_audit, tenant)
        before = Tip()
    block, after = addition.block, addition.tip
    moved = (after.block, after.events, after.position, after.hash)
    if db.one(db.sql.move_audit, tenant, *moved, before.block, before.hash) is None:
        return False
    body = zstd.compress(block.lines, _LEVEL)
    db.run(
        db.sql.add_audit_block,
        tenant,
        block.number,
        block.last,
        block.at,
        block.head,
        block.signature,
        body,
    )
    for id_ in addition.acts:
        db.run(db.sql.drop_act, tenant, id_)
    for name in addition.names:
        _keep_name(db, seal, tenant, name, block.at // _DAY)
    return True


def note_erased(db: Database, seal: Seal, tenant: int, subject: str, now: int) -> None:
    """Names of the subject that are told late, until the end of the day, are not kept."""
    noted = _erased(seal, tenant, subject), "erased", "", b"", now // _DAY
    db.run(db.sql.keep_audit_name, tenant, *noted)


def _erased(seal: Seal, tenant: int, subject: str) -> bytes:
    return seal.hash("erased subject", str(tenant).encode(), subject.encode())


def _keep_name(db: Database, seal: Seal, tenant: int, name: Name, day: int) -> None:
    subject = subject_of(name.namespace)
    if subject:
        erased = db.value(db.sql.audit_erased, tenant, _erased(seal, tenant, subject))
        if erased is not None and (day <= erased or name.text in (subject, f"{subject}.*")):
            return
    text = name.text.encode(errors="replace")
    db.run(db.sql.keep_audit_name, tenant, name.hash, name.kind, name.namespace, text, day)


def blocks(db: Database, tenant: str, seq: int, limit: int, *, down: bool) -> Sequence[Block]:
    """As `ports.audits.Audits.audit_blocks` and `audit_blocks_down` say."""
    number = db.tenant(tenant)
    if number is None:
        return ()
    sql = db.sql.audit_blocks_down if down else db.sql.audit_blocks_up
    return [_block(row) for row in db.all(sql, number, seq, limit)]


def _block(row: Row) -> Block:
    number, last, at, head, signature, body = row
    try:
        lines = zstd.whole(bytes(body), _MOST)
    except zstd.ZstdError:
        lines = b""  # whoever checks the trail says so
    return Block(number, last, at, bytes(head), bytes(signature), lines)


def authors_in(body: bytes) -> set[int]:
    """The numbers of the authors whose changes a block tells of; none where it is damaged."""
    try:
        lines = zstd.whole(body, _MOST).splitlines()
    except zstd.ZstdError:
        return set()
    found = (event_of(line).get("author") for line in lines)
    return {number for number in found if isinstance(number, int)}


def drop(
    db: Database, tenant: int, tip: Tip, upto: int, checkpoint: bytes, *, before_day: int
) -> bool:
    """As `ports.audits.Audits.drop_audit` says."""
    if db.one(db.sql.set_audit_checkpoint, tenant, upto, checkpoint, tip.kept) is None:
        return False
    db.run(db.sql.drop_audit_blocks, tenant, upto)
    db.run(db.sql.drop_old_audit_names, tenant, before_day)
    return True


def resolve(
    db: Database,
    tenant: str,
    hashes: Sequence[bytes],
    contexts: Sequence[int],
    authors: Sequence[int],
) -> Resolved:
    """As `ports.audits.Audits.resolve_audit` says."""
    number = db.tenant(tenant)
    if number is None:
        return Resolved()
    named = {hash_: db.value(db.sql.audit_name, number, hash_) for hash_ in hashes}
    keys = {each: db.one(db.sql.audit_context, number, each) for each in contexts}
    people = {each: db.value(db.sql.audit_author, number, each) for each in authors}
    return Resolved(
        {hash_: bytes(name).decode() for hash_, name in named.items() if name is not None},
        {each: f"{row[0]}/{row[1]}" for each, row in keys.items() if row and row[0] is not None},
        {each: subject for each, subject in people.items() if subject is not None},
    )


def histories(db: Database, tenant: str, contexts: Sequence[int]) -> Mapping[int, int]:
    """As `ports.audits.Audits.audit_histories` says."""
    number = db.tenant(tenant)
    if number is None:
        return {}
    found = {each: db.value(db.sql.audit_history, number, each) for each in contexts}
    return {each: version for each, version in found.items() if version is not None}


def newest_change_below(db: Database, tenant: int, context: int, version: int) -> int:
    """The position of the newest change of a context below a version; 0 without one."""
    return db.value(db.sql.newest_change_below, tenant, context, version) or 0


def sealed_upto(db: Database, tenant: int) -> int:
    """The position up to which changes are in the trail."""
    row = db.one(db.sql.audit_tip, tenant)
    return 0 if row is None else int(row[2])


def unsealed(db: Database, limit: int) -> Sequence[str]:
    """As `ports.audits.Audits.unsealed` says."""
    return [name for (name,) in db.all(db.sql.unsealed, limit)]


def audited(db: Database, after: str, limit: int) -> Sequence[str]:
    """As `ports.audits.Audits.audited` says."""
    return [name for (name,) in db.all(db.sql.audited, after, limit)]
