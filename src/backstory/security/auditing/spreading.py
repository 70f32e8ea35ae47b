"""Several stores, each with a trail of its own: what is about a store's namespaces is told there.

So names of contexts that are kept apart never stand in the trail of another store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.ports.events import Acted, Event
from backstory.ports.hooks import Hear
from backstory.security.auditing.sealing import Auditor


class Spread:
    """`ports.audits.Auditing` over the auditor of each store; `store_of` a namespace numbers it."""

    def __init__(self, auditors: Sequence[Auditor], store_of: Callable[[str], int]) -> None:
        self._auditors, self._store_of = tuple(auditors), store_of

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {Acted: self.hear}

    def hear(self, acted: Acted) -> None:
        """It happened: each store is told of its own names alone, the first of what has none."""
        stores = [self._of(text) for text in acted.on]
        if not any(stores):
            self._auditors[0].hear(acted)
            return
        for store in dict.fromkeys(stores):
            on = tuple(text for text, at in zip(acted.on, stores, strict=True) if at == store)
            self._auditors[store].hear(msgspec.structs.replace(acted, on=on))

    def act(
        self, principal: Principal, do: str, key: ContextKey, /, **more: object
    ) -> tuple[int, bytes]:
        """As `ports.audits.Auditing.act` says."""
        return self._auditors[self._store_of(key.namespace)].act(principal, do, key, **more)

    async def record(self, principal: Principal, do: str, on: str, /, **more: object) -> None:
        """As `ports.audits.Auditing.record` says."""
        await self._auditors[self._of(on)].record(principal, do, on, **more)

    async def seal(self, tenant: str, namespace: str | None = None) -> None:
        """As `ports.audits.Auditing.seal` says."""
        if namespace is not None:
            await self._auditors[self._store_of(namespace)].seal(tenant)
            return
        await asyncio.gather(*(auditor.seal(tenant) for auditor in self._auditors))

    def _of(self, text: str) -> int:
        """The store of a context or a pattern; the first, where it is about several."""
        return self._store_of(text.partition("/")[0].removesuffix(".*"))
