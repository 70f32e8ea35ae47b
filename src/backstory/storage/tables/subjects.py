"""Erasing a subject: its contexts one after the other, and what others took over from them.

An entry that others' forks show loses its text there, and they each get a version and a change of
their own. Content that a fork took over is gone from it. The state that a fork began with is its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import structs

from backstory import ids, limits
from backstory.domain.bindings import keys_of
from backstory.domain.commits import Commit, Purge, PutContent
from backstory.domain.keys import ContextKey
from backstory.domain.subjects import everything_of
from backstory.storage.tables import auditing, committing, erasure, reaching, reading, rows
from backstory.storage.tables.applying import Planned, apply
from backstory.storage.tables.database import Database
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction

_LAST = 2**62


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction erased; whether the context has `more` to erase."""

    more: bool = False
    contexts: int = 0
    entries: int = 0
    forks: int = 0
    touched: tuple[ContextKey, ...] = ()


def begin(tx: Transaction, tenant: str) -> int:
    """From here on nobody writes with the keys that were retired.

    Gives the number that no context of before exceeds.
    """
    number = tx.db.intern_tenant(tenant)
    last: int | None = tx.db.value(tx.db.sql.last_context, number)
    tx.writing = True
    tx.db.run(tx.db.sql.count_keys)
    tx.writing = False
    return last or 0


def some(db: Database, tenant: str, subject: str, fence: int) -> Sequence[int]:
    """Contexts of the subject that are still there, up to a number."""
    number = db.tenant(tenant)
    if number is None:
        return ()
    between = subject, f"{subject}.", f"{subject}/"
    asked = db.all(db.sql.subject_contexts, number, *between, fence, limits.ERASE_CONTEXTS)
    return [row[0] for row in asked]


def bound(db: Database, tenant: str, subject: str, fence: int) -> Sequence[int]:
    """Contexts that bind roles to the subject, up to a number."""
    number = db.tenant(tenant)
    if number is None:
        return ()
    asked = (
        db.value(db.sql.context_named, number, key.namespace, key.name) for key in keys_of(subject)
    )
    return [found for found in asked if found is not None and found <= fence]


def forget_names(tx: Transaction, tenant: str, subject: str) -> None:
    """What keyed hashes in the audit trail stand for, of the subject and all that is its own.

    It is noted that they went, for nodes that have yet to seal what they were told before.
    """
    number = tx.db.intern_tenant(tenant)
    tx.writing = True
    tx.db.run(tx.db.sql.drop_audit_names, number, subject)
    auditing.note_erased(tx.db, tx.seal, number, subject, tx.clock.now())
    tx.writing = False


def erase(tx: Transaction, wanted: Commit, subject: str, context: int) -> Step:
    """Erase some of a context; all of it where no more than `limits.ERASE_ENTRIES` are with others.

    `wanted` says for whom and when; its keys may be destroyed already.
    """
    tx.db.lenient = True
    try:
        tenant = tx.db.intern_tenant(wanted.tenant)
        found = reading.by_id(tx.db, tenant, context)
        if found is None:
            return Step()
        forks = list(_forks(tx.db, found, subject))
        shown = list(_shown(tx.db, found, forks))
        if shown:
            return _redact(tx, wanted, subject, shown)
        return _purge(tx, wanted, subject, found, forks)
    finally:
        tx.db.lenient = False


def wipe(tx: Transaction) -> None:
    """Whoever waits for this is told once all that was given up is out of the tables."""
    tx.erased = True


def note(tx: Transaction, number: int) -> None:
    """The store has been through all erasures up to this one."""
    tx.writing = True
    tx.db.run(tx.db.sql.set_erasure, number)
    tx.writing = False


def _forks(db: Database, found: Stored, subject: str) -> Iterator[Stored]:
    """Contexts of others that show the log, or did so in their kept past."""
    mine = everything_of(subject)
    for (number,) in db.all(db.sql.contexts_showing, found.tenant, found.id):
        other = reading.by_id(db, found.tenant, number)
        if other is not None and not mine.matches(other.head.key.namespace):
            yield other


def _shown(db: Database, found: Stored, forks: Sequence[Stored]) -> Iterator[int]:
    """Entries of the log that others show and that have their text yet, a few of them."""
    room = limits.ERASE_SHOWN
    for other in forks:
        for first, last in erasure.coverage(db, other).get(found.id, ()):
            bounds = rows.entry_rowid(found.id, first), rows.entry_rowid(found.id, last)
            for (rowid,) in db.all(db.sql.unredacted, found.tenant, *bounds, room):
                yield rowid
                room -= 1
            if room <= 0:
                return


def _redact(tx: Transaction, wanted: Commit, subject: str, shown: Sequence[int]) -> Step:
    tenant = tx.db.intern_tenant(wanted.tenant)
    commit = structs.replace(wanted, id=ids.commit_id())
    effects: dict[ContextKey, Planned] = {}
    mine = everything_of(subject)
    reached = reaching.reach_rows(tx.db, commit, effects, shown, but=mine)
    tx.writing = True
    erasure.redact(tx, tenant, reached)
    for one in effects.values():
        apply(tx, commit, one)
    tx.writing = False
    return Step(more=True, entries=len(reached), touched=tuple(effects))


def _purge(
    tx: Transaction, wanted: Commit, subject: str, found: Stored, forks: Sequence[Stored]
) -> Step:
    bounds = rows.entry_rowid(found.id, 0), rows.entry_rowid(found.id, limits.SEQ_MAX)
    entries = tx.db.value(tx.db.sql.count_entries, found.tenant, *bounds)
    touched = list(_take_content(tx, wanted, subject, found, {one.id for one in forks}))
    touched += [one.head.key for one in forks]
    commit = structs.replace(wanted, id=ids.commit_id(), operations=(Purge(found.head.key),))
    outcome = committing.commit(tx, commit)
    keys = tuple(dict.fromkeys((*touched, *outcome.touched)))
    return Step(contexts=1, entries=entries, forks=len(forks), touched=keys)


def _take_content(
    tx: Transaction, wanted: Commit, subject: str, found: Stored, forks: set[int]
) -> Iterator[ContextKey]:
    """Take the content out of what others took it over into; the same bytes of their own stay."""
    mine = everything_of(subject)
    asked = tx.db.all(tx.db.sql.contents_below, found.tenant, found.id, _LAST)
    for manifest in dict.fromkeys(row[1] for row in asked if row[1] is not None):
        scope = tx.db.value(tx.db.sql.manifest_scope, found.tenant, manifest)
        for (number,) in tx.db.all(tx.db.sql.contexts_with, found.tenant, manifest):
            other = reading.by_id(tx.db, found.tenant, number)
            if other is None or mine.matches(other.head.key.namespace):
                continue
            if not scope and number not in forks:
                continue
            newest = tx.db.value(tx.db.sql.newest_content, found.tenant, number)
            if newest == manifest and other.head.alive(wanted.at):
                without = (PutContent(other.head.key, None),)
                committing.commit(
                    tx, structs.replace(wanted, id=ids.commit_id(), operations=without)
                )
            tx.writing = True
            tx.db.run(tx.db.sql.forget_content, found.tenant, number, manifest)
            tx.writing = False
            yield other.head.key
