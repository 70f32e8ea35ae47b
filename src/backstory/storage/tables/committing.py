"""One commit: look whether it is known, let expire what is due, plan all of it, then write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from backstory import ids
from backstory.domain.chains import merge
from backstory.domain.changes import Op, Part
from backstory.domain.commits import (
    Commit,
    Expire,
    Fork,
    Operation,
    Outcome,
    Purge,
    Redact,
    Result,
)
from backstory.domain.effects import Loaded
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import context_of
from backstory.domain.planning import plan, redaction
from backstory.domain.principals import SYSTEM
from backstory.domain.ruling import check_kinds
from backstory.storage.tables import reading, retries
from backstory.storage.tables.applying import Planned, apply
from backstory.storage.tables.loading import load
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction


@dataclass(slots=True)
class _Plan:
    """What a commit will write, and what it will answer."""

    effects: dict[ContextKey, Planned] = field(default_factory=dict)
    numbers: dict[ContextKey, int] = field(default_factory=dict)
    results: dict[int, Result] = field(default_factory=dict)


def commit(tx: Transaction, wanted: Commit) -> Outcome:
    """As `ports.store.Commits.commit` says, but for the durability.

    Nothing of the commit itself has been written when it raises with `tx.writing` unset.
    """
    known = retries.find(tx.db, wanted.tenant, wanted.idempotency, wanted.at, wanted.operations)
    if known is not None:
        tx.erased |= any(isinstance(op, Purge | Redact) for op in wanted.operations)
        return known
    check_kinds(wanted.kinds, lambda kind: tx.tag(wanted.tenant, context_of(kind)))
    planned = _plan(tx, wanted)
    _reach_forks(tx, wanted, planned)
    tx.writing = True
    for key, one in planned.effects.items():
        planned.numbers[key] = apply(tx, wanted, one)
    outcome = _outcome(tx, wanted, planned)
    retries.keep(tx.db, wanted, outcome, planned.numbers)
    tx.writing = False
    return outcome


def expire(tx: Transaction, tenant: str, found: Stored, at: int) -> None:
    """Take away a context whose time is over, by a commit of its own."""
    key = found.head.key
    own = Commit(tenant, ids.commit_id(), SYSTEM, at, (Expire(key),))
    effect, _ = plan(own, key, own.operations, Loaded(snapshot=found.snapshot))
    if effect is not None:
        tx.writing = True
        apply(tx, own, Planned(found, effect))
        tx.writing = False


def _plan(tx: Transaction, wanted: Commit) -> _Plan:
    planned = _Plan()
    for key, numbered in _by_key(wanted.operations).items():
        operations = [operation for _, operation in numbered]
        found, loaded = _load(tx, wanted, key, operations)
        effect, results = plan(wanted, key, operations, loaded)
        if found is not None:
            planned.numbers[key] = found.id
        if effect is not None:
            planned.effects[key] = Planned(found, effect)
        for (index, _), result in zip(numbered, results, strict=True):
            planned.results[index] = result
    return planned


def _by_key(operations: Sequence[Operation]) -> dict[ContextKey, list[tuple[int, Operation]]]:
    """The operations with their places, by the name they work on, in order."""
    grouped: dict[ContextKey, list[tuple[int, Operation]]] = {}
    for index, operation in enumerate(operations):
        grouped.setdefault(operation.key, []).append((index, operation))
    return grouped


def _load(
    tx: Transaction, wanted: Commit, key: ContextKey, operations: Sequence[Operation]
) -> tuple[Stored | None, Loaded]:
    """What the plan needs, after what is due has expired."""
    found, loaded = load(tx, wanted.tenant, key, operations)
    sources = {op.source for op in operations if isinstance(op, Fork)}
    if not sources and not (found and _due(found, wanted.at)):
        return found, loaded
    whole = [tx.find(wanted.tenant, name) for name in (key, *sources - {key})]
    due = [one for one in whole if one is not None and _due(one, wanted.at)]
    if not due:
        return found, loaded
    for one in due:
        expire(tx, wanted.tenant, one, wanted.at)
    return load(tx, wanted.tenant, key, operations)


def _due(found: Stored, at: int) -> bool:
    return not found.head.deleted and not found.head.alive(at)


def _reach_forks(tx: Transaction, wanted: Commit, planned: _Plan) -> None:
    """Redact an entry in every living context that shows it, each by a change of its own."""
    for one in list(planned.effects.values()):
        if one.effect.redact is None or one.found is None:
            continue
        seq = one.effect.redact
        log = reading.chain_now(tx.db, one.found).locate(seq)
        assert log is not None
        showing = {
            log,
            *(row[0] for row in tx.db.all(tx.db.sql.contexts_showing, one.found.tenant, log)),
        }
        for number in sorted(showing - {one.found.id}):
            other = reading.by_id(tx.db, one.found.tenant, number)
            if other is None or not other.head.alive(wanted.at):
                continue
            if reading.chain_now(tx.db, other).shows(log, seq):
                _redact_too(wanted, planned, other, seq)


def _redact_too(wanted: Commit, planned: _Plan, other: Stored, seq: int) -> None:
    key = other.head.key
    already = planned.effects.get(key)
    if already is None:
        planned.effects[key] = Planned(other, redaction(wanted, other.snapshot, seq))
    elif already.effect.op is Op.UPDATED:
        effect = replace(
            already.effect,
            parts=already.effect.parts | Part.REDACTED,
            seqs=merge([*already.effect.seqs, (seq, seq)]),
        )
        planned.effects[key] = replace(already, effect=effect)


def _outcome(tx: Transaction, wanted: Commit, planned: _Plan) -> Outcome:
    tenant = tx.db.tenant(wanted.tenant)
    results = tuple(planned.results[index] for index in range(len(wanted.operations)))
    position = tx.position(tenant) if tenant is not None else 0
    return Outcome(wanted.id if planned.effects else None, results, position)
