"""Several stores as one `ports.store.Store`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from hashlib import blake2b

from backstory.domain.quotas import Usage
from backstory.ports.store import Mark, Store
from backstory.storage.routed.changes import ReadsChanges
from backstory.storage.routed.finding import FindsAll
from backstory.storage.routed.life import Lives
from backstory.storage.routed.places import Whereabouts
from backstory.storage.routed.reading import ReadsOne
from backstory.storage.routed.routing import Routing
from backstory.storage.routed.writing import Writes


class RoutedStore(Writes, ReadsOne, ReadsChanges, FindsAll, Lives):
    """The first store keeps what is routed nowhere else, notes, and what holds for all.

    Closes the stores with itself. Its epoch is another one as soon as any of theirs is.
    """

    def __init__(self, stores: Sequence[Store], routing: Routing) -> None:
        assert len(stores) == len(routing)
        self._stores, self._routing = tuple(stores), routing
        self._roots = Whereabouts()
        self._marks: dict[tuple[str, int], Mark] = {}
        self._usages: dict[tuple[str, int], Usage] = {}
        self._epoch = _epoch([store.epoch for store in stores])
        self._first = all(store.first_epoch for store in stores)
        self._secret = stores[0].secret

    @property
    def stores(self) -> Sequence[Store]:
        """Each of them, the first one first."""
        return self._stores

    @property
    def epoch(self) -> str:
        return self._epoch

    @property
    def first_epoch(self) -> bool:
        return self._first

    @property
    def secret(self) -> bytes:
        return self._secret

    async def check(self) -> None:
        """As the port says, of the first store: without it nobody can be let in."""
        await self._stores[0].check()

    async def aclose(self) -> None:
        async with AsyncExitStack() as stack:
            for store in self._stores:
                stack.push_async_callback(store.aclose)


def _epoch(epochs: Sequence[str]) -> str:
    """One name for what all the stores' lives are together."""
    digest = blake2b(digest_size=8, person=b"backstory.epoch")
    for epoch in epochs:
        encoded = epoch.encode()
        digest.update(len(encoded).to_bytes(2, "big") + encoded)
    return digest.hexdigest()
