"""A cache that costs nothing while it is away: a breaker around any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backstory.domain.contexts import Tag
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cache, Cached
from backstory.resilience.breaker import Breaker


class GuardedCache:
    """`ports.cache.Cache` around another one, which is not asked while its breaker is open."""

    def __init__(self, cache: Cache, breaker: Breaker) -> None:
        self._cache, self._breaker = cache, breaker

    async def get(self, key: str, tag: Tag | None) -> Cached:
        with self._asking():
            return await self._cache.get(key, tag)

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        with self._asking():
            return await self._cache.fill(key, found, tag, body)

    async def drop(self, keys: Sequence[str]) -> None:
        with self._asking():
            await self._cache.drop(keys)

    async def drop_near(self, keys: Sequence[str]) -> None:
        await self._cache.drop_near(keys)

    async def check(self) -> None:
        with self._asking():
            await self._cache.check()

    async def aclose(self) -> None:
        await self._cache.aclose()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Leave to ask, and what came of it; a caller who went away tells nothing."""
        held = self._breaker.enter()
        if held is None:
            raise CacheUnavailableError(_AWAY, retry_after=self._breaker.retry_after)
        well: bool | None = None
        try:
            yield
            well = True
        except CacheUnavailableError:
            well = False
            raise
        finally:
            self._breaker.leave(held, well=well)


_AWAY = "the cache does not answer; it is asked again in a moment"
