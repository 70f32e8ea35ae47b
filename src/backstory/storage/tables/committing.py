"""One commit: look whether it is known, let expire what is due, plan all of it, then write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from backstory import ids
from backstory.domain import quotas
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
from backstory.domain.effects import Effect, Loaded
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import context_of
from backstory.domain.planning import plan
from backstory.domain.principals import SYSTEM
from backstory.domain.quotas import Quota, Usage
from backstory.domain.ruling import check_kinds
from backstory.storage.tables import erasure, retries
from backstory.storage.tables.applying import Planned, apply
from backstory.storage.tables.loading import load
from backstory.storage.tables.reaching import reach
from backstory.storage.tables.rows import Stored
from backstory.storage.tables.transaction import Transaction


class _Plan(Struct):
    """What a commit will write, and what it will answer."""

    effects: dict[ContextKey, Planned] = {}
    numbers: dict[ContextKey, int] = {}
    results: dict[int, Result] = {}


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
    redacted = reach(tx.db, wanted, planned.effects)
    if wanted.quota is not None:
        effects = (one.effect for one in planned.effects.values())
        _require_room(tx, wanted.quota, wanted.tenant, effects)
    tx.writing = True
    if redacted:
        erasure.redact(tx, tx.db.intern_tenant(wanted.tenant), redacted)
    for key, one in planned.effects.items():
        planned.numbers[key] = apply(tx, wanted, one)
    outcome = _outcome(tx, wanted, planned)
    retries.keep(tx.db, wanted, outcome, planned.numbers)
    tx.writing = False
    return outcome


def _require_room(tx: Transaction, quota: Quota, tenant: str, effects: Iterable[Effect]) -> None:
    """Raises QuotaError where there is no room for what is written."""
    more = quotas.added(effects)
    if more.contexts > 0 or more.bytes > 0:
        number = tx.db.tenant(tenant)
        quotas.require(quota, Usage() if number is None else tx.usage(number), more)


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


def _outcome(tx: Transaction, wanted: Commit, planned: _Plan) -> Outcome:
    tenant = tx.db.tenant(wanted.tenant)
    results = tuple(planned.results[index] for index in range(len(wanted.operations)))
    position = tx.position(tenant) if tenant is not None else 0
    touched = tuple(planned.effects)
    return Outcome(wanted.id if touched else None, results, position, touched=touched)
