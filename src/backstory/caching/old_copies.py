"""Of what age a copy is, and whether it may be given while the store is away.

A cache that nodes share is told by whoever erases something, so what it has may be given. A
process's own memory is told by nobody: the contexts that were read last are looked at once in
`limits.POLL_SECONDS`, what changed is dropped there, and of what is in no other cache, nothing
else may be given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice

from backstory import limits
from backstory.caching.beliefs import Belief, Beliefs
from backstory.caching.bodies import Copy
from backstory.clock import SECOND, Clock
from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey
from backstory.errors import BackstoryError
from backstory.ports.store import Standing, Store

_TENANTS = 200  # asked about at once, so that a store can put their questions together

Drop = Callable[[str, Iterable[ContextKey]], Awaitable[None]]
"""Takes contexts of a tenant out of the process's memory."""


class OldCopies:
    """What the node knows of the copies it may have to give. Looks again while it is open."""

    def __init__(self, store: Store, clock: Clock, drop: Drop, *, shared: bool) -> None:
        self._store, self._clock, self._drop, self._shared = store, clock, drop, shared
        self._beliefs = Beliefs()
        self._reached_at = clock.now()
        self._looking: asyncio.Task[None] | None = None

    @property
    def silence(self) -> float:
        """Seconds since the store last told how something stands."""
        return self._since(self._reached_at)

    def believes(self, name: str) -> bool:
        return self._beliefs.get(name) is not None

    def believe(self, name: str, tenant: str, key: ContextKey, tag: Tag, at: int) -> None:
        """The store said so when it was asked at `at`."""
        self._reached_at = max(self._reached_at, at)
        self._beliefs.note(name, tenant, key, tag, at)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again_and_again(), name="old copies")

    def disbelieve(self, names: Iterable[str]) -> None:
        self._beliefs.drop(names)

    def age(self, name: str, copy: Copy) -> float | None:
        """Seconds since the copy was last known to be true; None where it may not be given."""
        belief = self._beliefs.get(name)
        if belief is None:
            return self._since(copy.read_at) if self._shared else None
        if belief.tag == copy.view.snapshot.head.tag:
            return self._since(max(belief.at, copy.read_at))
        # Another node may have filled in what is newer than what this one has seen.
        newer = self._shared and copy.read_at > belief.at
        return self._since(copy.read_at) if newer else None

    async def look_again(self) -> None:
        """Ask how everything stands that was read last, and drop what is not so any more.

        Raises:
            BackstoryError: the store cannot tell; what is believed grows old.
        """
        waiting = iter(self._beliefs.old(self._clock.now()).items())
        while some := list(islice(waiting, _TENANTS)):
            found = await asyncio.gather(
                *(self._look_at(tenant, beliefs) for tenant, beliefs in some),
                return_exceptions=True,
            )
            for error in found:
                if error is not None:
                    raise error

    async def _look_at(self, tenant: str, beliefs: Sequence[tuple[str, Belief]]) -> None:
        at = self._clock.now()
        standings = await self._store.standings(tenant, [one.key for _, one in beliefs])
        self._reached_at = max(self._reached_at, at)
        gone: list[ContextKey] = []
        for (name, one), standing in zip(beliefs, standings, strict=True):
            if standing is not None and standing.tag == one.tag:
                one.at = max(one.at, at)
            elif self._holds(name, one, at):
                gone.append(one.key)
                if self._shared:  # an older copy than what was true just now is not given
                    self._learn(name, one, standing, at)
        if gone:
            await self._drop(tenant, gone)

    def _learn(self, name: str, one: Belief, standing: Standing | None, at: int) -> None:
        if standing is None:
            self._beliefs.drop([name])
        else:
            one.tag, one.at = standing.tag, at

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    def _holds(self, name: str, one: Belief, at: int) -> bool:
        """Whether nobody has read the context since."""
        return self._beliefs.get(name) is one and one.at <= at

    def _since(self, at: int) -> float:
        return max(self._clock.now() - at, 0) / SECOND

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(limits.POLL_SECONDS)
            with suppress(BackstoryError):
                await self.look_again()
