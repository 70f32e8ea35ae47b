"""Instructions that a fork or a restore would bring along: written by others, or elsewhere.

Only looked for where the caller has no right to instruct; then every entry that would be shown
is looked at, without its content.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec import structs

from backstory import limits
from backstory.domain.commits import Fork, Operation, Restore
from backstory.domain.entries import INSTRUCTING_ROLES, REDACTED
from backstory.domain.keys import ContextKey
from backstory.errors import GoneError
from backstory.ports.store import OutlineQuery, Store

_NOTHING: Final[frozenset[int]] = frozenset()


async def pinned(store: Store, tenant: str, operation: Operation) -> Operation:
    """The same fork of the version that stands now, so that nothing comes in while it is judged."""
    if not isinstance(operation, Fork) or operation.at is not None:
        return operation
    snapshot = await store.snapshot(tenant, operation.source)
    return operation if snapshot is None else structs.replace(operation, at=snapshot.head.version)


async def brings_along(store: Store, tenant: str, operation: Operation) -> bool:
    """Whether instructions would be shown that are not shown there now."""
    match operation:
        case Fork():
            return bool(await _shown(store, tenant, operation.source, operation.at))
        case Restore():
            then = await _shown(store, tenant, operation.key, operation.version)
            return bool(then) and bool(then - await _shown(store, tenant, operation.key, None))
        case _:
            return False


async def _shown(store: Store, tenant: str, key: ContextKey, at: int | None) -> frozenset[int]:
    """Where instructions stand in a context; nowhere if it cannot be read, as the commit will say."""
    try:
        view = await store.view(tenant, key, at)
    except GoneError:
        return _NOTHING
    if view is None or (at is None and view.snapshot.head.deleted):
        return _NOTHING
    found: set[int] = set()
    query, more = OutlineQuery(limit=limits.OUTLINES_MAX), True
    while more:
        page = await store.outline(tenant, view.chain, query)
        found |= {
            each.seq
            for each in page.outlines
            if each.role in INSTRUCTING_ROLES and each.type != REDACTED
        }
        more = page.more and bool(page.outlines)
        if more:
            query = replace(query, before=page.outlines[-1].seq)
    return frozenset(found)
