"""Idempotency keys: the first outcome of a commit, kept without any text of its caller.

Names are not kept either, so that a purge need not look here: a result holds the number of
its context, and the retry itself says which names it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from backstory import limits
from backstory.clock import SECOND
from backstory.domain.commits import Commit, Idempotency, Operation, Outcome, Result
from backstory.domain.keys import ContextKey
from backstory.errors import KeyReusedError
from backstory.storage.tables import rows
from backstory.storage.tables.database import Database
from backstory.storage.tables.transaction import Transaction

NAMELESS = ContextKey("", "")


def find(
    db: Database,
    tenant: str,
    idempotency: Idempotency | None,
    now: int,
    operations: Sequence[Operation] = (),
) -> Outcome | None:
    """The outcome of a known retry.

    Without operations the names are looked up; that of a purged context is `NAMELESS`.

    Raises:
        KeyReusedError: the key is known with another request.
    """
    number = db.tenant(tenant) if idempotency else None
    if idempotency is None or number is None:
        return None
    row = db.one(db.sql.find_idempotency, number, idempotency.key, now)
    if row is None:
        return None
    request, outcome = row
    if request != idempotency.request:
        raise KeyReusedError("this idempotency key was used with another request; take a new one")
    commit, position, results = orjson.loads(outcome)
    keys = [op.key for op in operations] or [_key(db, number, result[0]) for result in results]
    return Outcome(
        bytes.fromhex(commit) if commit else None,
        tuple(_result(key, result) for key, result in zip(keys, results, strict=True)),
        position,
        replayed=True,
    )


def keep(db: Database, commit: Commit, outcome: Outcome, numbers: Mapping[ContextKey, int]) -> None:
    """Remember the outcome for `limits.IDEMPOTENCY_KEY_SECONDS`."""
    if commit.idempotency is None:
        return
    kept = (
        outcome.id.hex() if outcome.id else None,
        outcome.position,
        [_members(result, numbers.get(result.key, 0)) for result in outcome.results],
    )
    db.run(
        db.sql.add_idempotency,
        db.intern_tenant(commit.tenant),
        commit.idempotency.key,
        commit.idempotency.request,
        orjson.dumps(kept),
        commit.at + limits.IDEMPOTENCY_KEY_SECONDS * SECOND,
    )


def of_gone(
    db: Database, tenant: str, since: int, behind: bytes
) -> tuple[Sequence[bytes], bytes | None]:
    """Keys, behind one, of requests that wrote to what was purged since then.

    Only some are looked through; the other value is where to go on, None at the end.
    """
    number = db.tenant(tenant)
    if number is None:
        return (), None
    kept = db.all(db.sql.idempotency_behind, number, behind, limits.RETRIES_READ)
    told = {key: {result[0] for result in orjson.loads(outcome)[2]} for key, outcome in kept}
    contexts = sorted(set().union(*told.values()))
    db.foresee(db.sql.purged_since, number, [(context, since) for context in contexts])
    gone = {n for n in contexts if db.one(db.sql.purged_since, number, n, since) is not None}
    more = kept[-1][0] if len(kept) == limits.RETRIES_READ else None
    return [key for key, numbers in told.items() if numbers & gone], more


def forget(tx: Transaction, tenant: str, keys: Sequence[bytes]) -> None:
    """As if they had never been used."""
    number = tx.db.intern_tenant(tenant)
    tx.writing = True
    for key in keys:
        tx.db.run(tx.db.sql.forget_idempotency, number, key)
    tx.writing = False


def _members(result: Result, number: int) -> tuple[Any, ...]:
    runs = rows.pack_runs(result.seqs)
    return number, result.version, result.created, result.changed, runs, result.appended


def _result(key: ContextKey, members: Any) -> Result:
    _, version, created, changed, runs, appended = members
    return Result(key, version, created, changed, rows.unpack_runs(runs), appended)


def _key(db: Database, tenant: int, number: int) -> ContextKey:
    row = db.one(db.sql.context_key, tenant, number)
    return ContextKey(*row) if row and row[0] is not None else NAMELESS
