"""What a redaction reaches: the entry, the summaries made of it, and who shows any of them.

A summary was made of an entry where one context shows both, now or in its kept past, and the
summary covers the entry. A later summary may have been made of that one, and so on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from backstory import limits
from backstory.domain.chains import Chain
from backstory.domain.commits import Commit
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.planning import redacting, redaction
from backstory.storage.tables import reading, rows
from backstory.storage.tables.applying import Planned
from backstory.storage.tables.database import Database
from backstory.storage.tables.erasure import kept_chains


def reach(db: Database, wanted: Commit, effects: dict[ContextKey, Planned]) -> AbstractSet[int]:
    """The rows of entries that lose their text; each living context that shows one has a change."""
    reached: set[int] = set()
    if all(one.effect.redact is None for one in effects.values()):
        return reached
    tenant = db.intern_tenant(wanted.tenant)
    for one in effects.values():
        if one.effect.redact is not None and one.found is not None:
            log = reading.chain_now(db, one.found).locate(one.effect.redact)
            assert log is not None
            reached |= _made_of(db, tenant, rows.entry_rowid(log, one.effect.redact))
    _tell(db, tenant, wanted, effects, reached)
    return reached


def reach_rows(
    db: Database,
    wanted: Commit,
    effects: dict[ContextKey, Planned],
    entries: Iterable[int],
    *,
    but: NamespacePattern,
) -> AbstractSet[int]:
    """The same for entries by their rows; contexts of these namespaces are not told."""
    tenant = db.intern_tenant(wanted.tenant)
    chains: dict[int, list[Chain]] = {}
    reached: set[int] = set()
    for rowid in entries:
        reached |= _made_of(db, tenant, rowid, chains)
    _tell(db, tenant, wanted, effects, reached)
    for key in [key for key in effects if but.matches(key.namespace)]:
        del effects[key]
    return reached


def _made_of(
    db: Database, tenant: int, rowid: int, chains: dict[int, list[Chain]] | None = None
) -> set[int]:
    """The entry and the summaries that hold, or may hold, words of it."""
    found, waiting = {rowid}, [rowid]
    chains = {} if chains is None else chains
    while waiting:
        log, seq = rows.log_and_seq(waiting.pop())
        for context in _contexts(db, tenant, log):
            if context not in chains:
                chains[context] = list(_chains(db, tenant, context))
            for chain in chains[context]:
                if chain.shows(log, seq):
                    fresh = set(_covering(db, tenant, chain, seq)) - found
                    found |= fresh
                    waiting += fresh
    return found


def _contexts(db: Database, tenant: int, log: int) -> list[int]:
    """Those that show a log, or did so in their kept past."""
    return [log, *(row[0] for row in db.all(db.sql.contexts_showing, tenant, log))]


def _chains(db: Database, tenant: int, context: int) -> Iterator[Chain]:
    found = reading.by_id(db, tenant, context)
    if found is not None:
        yield from kept_chains(db, found)


def _covering(db: Database, tenant: int, chain: Chain, seq: int) -> Iterator[int]:
    for piece in chain.ascending(seq, limits.SEQ_MAX + 1):
        bounds = rows.entry_rowid(piece.log, piece.first), rows.entry_rowid(piece.log, piece.last)
        for (rowid,) in db.all(db.sql.summaries_covering, tenant, *bounds, seq):
            yield rowid


def _tell(
    db: Database,
    tenant: int,
    wanted: Commit,
    effects: dict[ContextKey, Planned],
    reached: AbstractSet[int],
) -> None:
    """A change for each living context that shows what loses its text."""
    shown: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for rowid in sorted(reached):
        log, seq = rows.log_and_seq(rowid)
        for context in _contexts(db, tenant, log):
            shown[context].append((log, seq))
    for context, places in sorted(shown.items()):
        found = reading.by_id(db, tenant, context)
        if found is None or not found.head.alive(wanted.at):
            continue
        chain = reading.chain_now(db, found)
        seqs = [seq for log, seq in places if chain.shows(log, seq)]
        already = effects.get(found.head.key)
        if not seqs:
            continue
        if already is not None:
            effects[found.head.key] = Planned(already.found, redacting(already.effect, seqs))
        else:
            effects[found.head.key] = Planned(found, redaction(wanted, found.snapshot, seqs))
