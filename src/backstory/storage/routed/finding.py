"""Lists and search over all stores: each is asked for what it keeps, and the answers are merged.

A list or a search that would leave out what a store keeps that is away fails as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from backstory.domain.contexts import Head
from backstory.ports.store import HeadQuery, Match, MatchText, SearchQuery
from backstory.storage.routed.places import Places, all_of


class FindsAll(Places):
    """`ports.store.Finds`."""

    async def heads(self, tenant: str, query: HeadQuery) -> Sequence[Head]:
        asked = {}
        for at in range(len(self._stores)):
            visible = self._routing.narrowed(query.visible, at)
            if visible is not None:
                asked[at] = partial(self._heads, tenant, at, replace(query, visible=visible))
        found = [head for heads in (await all_of(asked)).values() for head in heads]
        if len(asked) > 1:
            found.sort(key=lambda head: (head.key.namespace, head.key.name))
        return found[: query.limit]

    async def _heads(self, tenant: str, store: int, query: HeadQuery) -> list[Head]:
        """Those that one store keeps, without what lies there and should not."""
        found: list[Head] = []
        while True:
            page = await self._stores[store].heads(tenant, query)
            found += [head for head in page if self._routing.of(head.key.namespace) == store]
            if len(page) < query.limit or len(found) >= query.limit:
                return found
            query = replace(query, after=page[-1].key)

    async def tenants(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        found = await all_of(
            {at: partial(one.tenants, after, limit) for at, one in enumerate(self._stores)}
        )
        names = {name for some in found.values() for name in some}
        return sorted(names, key=str.encode)[:limit]

    async def matches(self, tenant: str, query: SearchQuery) -> Sequence[Match]:
        if query.entries_of is not None:
            return await self._of(query.entries_of).matches(tenant, query)
        asked = {}
        for at, store in enumerate(self._stores):
            visible = self._routing.narrowed(query.visible, at)
            if visible is not None:
                asked[at] = partial(store.matches, tenant, replace(query, visible=visible))
        found = [
            match
            for at, matches in (await all_of(asked)).items()
            for match in matches
            if self._routing.of(match.head.key.namespace) == at
        ]
        if len(found) > query.candidates:
            found.sort(key=lambda match: -match.at)
        return found[: query.candidates]

    async def match_text(
        self, tenant: str, match: Match, terms: tuple[str, ...]
    ) -> MatchText | None:
        return await self._of(match.head.key).match_text(tenant, match, terms)
