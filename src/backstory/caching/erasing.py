"""Taking what was erased out of the cache, however long that takes.

A cache that cannot be reached when something is erased is told again and again, until it has
done it or until the entry's life there is over. Meanwhile nothing is given from it without a
tag, and with the tags that are true now nobody finds the old bodies.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from backstory import limits
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cache

logger = logging.getLogger(__name__)


class Erasing:
    """Drops entries of a cache, now or as soon as that can be done."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._owed: dict[str, float] = {}
        self._retrying: asyncio.Task[None] | None = None

    def owes(self, name: str) -> bool:
        """Whether the entry may still be in the cache though it must not be used."""
        return name in self._owed

    async def drop(self, names: Sequence[str]) -> None:
        """Once this returns, the entries are gone, or will be tried again."""
        try:
            await self._cache.drop(names)
        except CacheUnavailableError as error:
            logger.warning("erased text is still in the cache, trying again: %s", error.detail)
            self._owe(names)

    async def aclose(self) -> None:
        """Try a last time."""
        if self._retrying is not None:
            self._retrying.cancel()
            with suppress(asyncio.CancelledError):
                await self._retrying
        if self._owed and not await self._again():
            logger.error(
                "%d entries of erased text stay in the cache for at most %d seconds; flush it",
                len(self._owed),
                limits.CACHE_LIFE_SECONDS,
            )

    def _owe(self, names: Sequence[str]) -> None:
        until = time.monotonic() + limits.CACHE_LIFE_SECONDS
        self._owed.update(dict.fromkeys(names, until))
        while len(self._owed) > limits.CACHE_ERASURES:
            self._owed.pop(next(iter(self._owed)))
            logger.error("too much erased text waits for the cache; flush it when it is back")
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.create_task(self._retry(), name="erasing from the cache")

    async def _retry(self) -> None:
        while self._owed:
            await asyncio.sleep(limits.CACHE_RETRY_SECONDS)
            now = time.monotonic()
            for name in [name for name, until in self._owed.items() if until <= now]:
                del self._owed[name]
            await self._again()

    async def _again(self) -> bool:
        """Whether nothing is owed any more."""
        while names := list(islice(self._owed, limits.STANDINGS)):
            owed = {name: self._owed[name] for name in names}
            try:
                await self._cache.drop(names)
            except CacheUnavailableError:
                return False
            for name, until in owed.items():
                if self._owed.get(name) == until:  # not erased once more meanwhile
                    del self._owed[name]
        return True
