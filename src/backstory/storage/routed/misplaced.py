"""What lies in a store and is routed to another: nobody sees it there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from backstory import limits
from backstory.domain.keys import EVERYWHERE
from backstory.domain.visibility import Visibility
from backstory.ports.store import HeadQuery, Store
from backstory.storage.routed.routing import Routing

_ALL = Visibility((EVERYWHERE,))


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A namespace of a tenant in store number `found`, kept by number `kept`."""

    tenant: str
    namespace: str
    found: int
    kept: int


async def misplaced(stores: Sequence[Store], routing: Routing) -> AsyncGenerator[Misplaced, None]:
    """Each such namespace that has living contexts, one after the other.

    Raises:
        StoreError: a store cannot be asked.
    """
    for at, store in enumerate(stores):
        after = ""
        while tenants := await store.tenants(after, limits.PAGE_MAX):
            for tenant in tenants:
                async for found in _of_tenant(store, tenant, at, routing):
                    yield found
            after = tenants[-1]


async def _of_tenant(
    store: Store, tenant: str, at: int, routing: Routing
) -> AsyncGenerator[Misplaced, None]:
    last: str | None = None
    for other in range(len(routing)):
        visible = routing.narrowed(_ALL, other)
        if other == at or visible is None:
            continue
        query = HeadQuery(visible, limit=limits.PAGE_MAX)
        while heads := await store.heads(tenant, query):
            for head in heads:
                if head.key.namespace != last:
                    last = head.key.namespace
                    yield Misplaced(tenant, last, at, other)
            query = replace(query, after=heads[-1].key)
