"""What a batch of commits will ask for, asked for at once.

The tenant's counter is held meanwhile, so each journey to the server counts. Most batches need
one: for the contexts that they touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from backstory.domain.commits import Commit, Fork, Operation
from backstory.domain.effects import Needs
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import context_of
from backstory.domain.planning import needs
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.transaction import PostgresTransaction
from backstory.storage.tables import rows

_SEVERAL = 2


def foresee(tx: PostgresTransaction, commits: list[Commit]) -> None:
    """Read what the commits look at first: known retries, contexts, ids of entries."""
    if not commits:
        return
    tenant = commits[0].tenant
    least = _SEVERAL if len(commits) == 1 else 1  # a single commit asks before it writes
    retried = [(c.idempotency.key, c.at) for c in commits if c.idempotency is not None]
    tx.db.foresee(QUERIES.find_idempotency, tx.tenant, retried, least=least)
    asked = [one for commit in commits for one in _needs(commit.operations)]
    wanted: dict[ContextKey, bool] = {}
    for key, state in chain(
        ((key, need.state) for key, need in asked), chain.from_iterable(map(_others, commits))
    ):
        if not tx.knows(tenant, key, state=state):
            wanted[key] = wanted.get(key, False) or state
    if len(wanted) >= least:
        _read(tx, tenant, wanted, least)
    ids = [one for key, need in asked if need.ids for one in _ids(tx, tenant, key, need)]
    tx.db.foresee(QUERIES.ids_like, tx.tenant, ids, least=least)


def _needs(operations: Sequence[Operation]) -> Iterable[tuple[ContextKey, Needs]]:
    """What is needed by name."""
    if len(operations) == 1:
        return ((operations[0].key, needs(operations)),)
    grouped: dict[ContextKey, list[Operation]] = {}
    for operation in operations:
        grouped.setdefault(operation.key, []).append(operation)
    return [(key, needs(group)) for key, group in grouped.items()]


def _others(commit: Commit) -> Iterator[tuple[ContextKey, bool]]:
    """What else a commit finds by name, and whether it looks at the state."""
    for operation in commit.operations:
        if isinstance(operation, Fork):
            yield operation.source, True
    for kind, _ in commit.kinds:
        yield context_of(kind), False


def _read(tx: PostgresTransaction, tenant: str, wanted: dict[ContextKey, bool], least: int) -> None:
    """The transaction remembers what is there; of the rest it is foreseen that nothing is."""
    asked = [(key.namespace, key.name, state) for key, state in wanted.items()]
    tx.db.foresee(QUERIES.find_context, tx.tenant, asked, least=least)
    absent = [key for key, state in wanted.items() if tx.find(tenant, key, state=state) is None]
    places = [(tx.tenant, key.namespace, key.name) for key in absent]
    both = [(*place, state) for place in places for state in (True, False)]
    tx.db.foresee_none(QUERIES.find_context, both)
    tx.db.foresee_none(QUERIES.tag_of, places)
    hashes = [(tx.name_hash(tenant, key),) for key in absent]
    tx.db.foresee(QUERIES.purged, tx.tenant, hashes, least=least)


def _ids(
    tx: PostgresTransaction, tenant: str, key: ContextKey, need: Needs
) -> Iterator[tuple[int]]:
    """Where the ids of new entries are looked for, in a context that has a log of its own."""
    found = tx.find(tenant, key, state=False)
    if found is not None and not found.closed:
        for entry_id in need.ids:
            yield (rows.id_key(found.id, entry_id),)
