"""Proofs that were used, remembered in the Redis that nodes share.

While Redis is away the store remembers them, which costs a write each. A proof that Redis saw
before may then be taken a second time, for as long as its time is near enough to ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backstory import limits
from backstory.caching.redis_pool import pool_to
from backstory.caching.remote import Remote
from backstory.errors import CacheUnavailableError
from backstory.resilience.breaker import Breaker

_PREFIX: Final = "backstory:proof:"
First = Callable[[str], Awaitable[bool]]


class RedisUses:
    """`security.proofs.Uses` in a Redis; `else_` is asked while it is away. For one event loop."""

    def __init__(self, url: str, else_: First, breaker: Breaker) -> None:
        pool, self._trust = pool_to(url)
        self._remote = Remote(urlsplit(url).hostname or "redis", RedisError)
        self._redis = Redis.from_pool(pool)
        self._else, self._breaker = else_, breaker

    async def first(self, name: str) -> bool:
        """As the protocol says."""
        held = self._breaker.enter()
        if held is None:
            return await self._else(name)
        kept, well = None, None  # a caller who goes away tells nothing of Redis
        try:
            async with self._remote.operation():
                if self._trust is not None:
                    await self._trust.ready()
                seconds = limits.PROOF_KEPT_SECONDS
                kept = await self._redis.set(_PREFIX + name, b"1", nx=True, ex=seconds)
            well = True
        except CacheUnavailableError:
            well = False
        finally:
            self._breaker.leave(held, well=well)
        return bool(kept) if well else await self._else(name)

    async def aclose(self) -> None:
        """Let go of connections."""
        try:
            await self._remote.close()
        finally:
            await self._redis.aclose(close_connection_pool=True)
