"""Lists of contexts, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backstory.contexts import access
from backstory.contexts.fitting import fitting, head_bytes
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.ports.store import HeadQuery, Store

CURSOR: Final = "list cursor"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contexts a list shows; `updated_since` in microseconds since the Unix epoch."""

    namespace: NamespacePattern | None = None
    kind: str | None = None
    label: str | None = None
    updated_since: int | None = None


@dataclass(frozen=True, slots=True)
class HeadsPage:
    """Heads in order of namespace and name; `next` None at the end."""

    items: tuple[Head, ...]
    next: str | None


class Lister:
    """Lists what the caller may read; what it may not is as if it were not there."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    async def heads(
        self, principal: Principal, wanted: Filter, cursor: str | None, limit: int
    ) -> HeadsPage:
        """One page of living contexts, cut where it would pass `limits.PAGE_BYTES`.

        Raises:
            InvalidCursorError: the cursor is not this caller's.
        """
        after = None
        if cursor is not None:
            scope = (CURSOR, principal.tenant, principal.subject)
            after = ContextKey(*self._seal.open_members(*scope, cursor, 2))
        query = HeadQuery(
            access.visible(principal, wanted.namespace),
            wanted.kind,
            wanted.label,
            wanted.updated_since,
            after,
            limit + 1,
        )
        found = await self._store.heads(principal.tenant, query)
        page = tuple(found[: fitting(map(head_bytes, found[:limit]))])
        if len(found) <= len(page):
            return HeadsPage(page, None)
        last = page[-1].key
        payload = (last.namespace, last.name)
        return HeadsPage(
            page, self._seal.close(CURSOR, principal.tenant, principal.subject, payload)
        )
