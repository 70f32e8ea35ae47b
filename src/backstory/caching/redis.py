"""The cache in a Redis that nodes share.

Compare-and-set is a script on the server, which compares the beginning of what lies under the
key with what the reader found there. Every entry has a time to live.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from backstory import limits
from backstory.caching.entries import TOKEN_BYTES, decoded, dropped, encoded, key_of
from backstory.caching.redis_pool import pool_to
from backstory.caching.remote import Remote, probe
from backstory.domain.contexts import Tag
from backstory.ports.cache import Cached

_FILL: Final = f"""
local kept = redis.pcall('GETRANGE', KEYS[1], 0, {TOKEN_BYTES - 1})
if type(kept) == 'table' then kept = '' end
if kept ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', {limits.CACHE_LIFE_SECONDS})
return 1
"""
_VALUE_BYTES: Final = limits.CACHE_BODY_BYTES + limits.KIB  # more is nothing of ours
_DROP: Final = f"""
for _, key in ipairs(KEYS) do
  local done = redis.pcall('SET', key, ARGV[1], 'EX', {limits.CACHE_DROPPED_SECONDS})
  if done.err then redis.call('DEL', key) end
end
"""


class RedisCache:
    """`ports.cache.Cache` in a Redis; to be used inside one event loop.

    `url` is one of redis-py's, `redis://` or with TLS `rediss://`; nothing is connected before the
    first use, and what breaks is connected anew by the next one. `shown` is the URL that errors
    may tell.
    """

    def __init__(self, url: str, shown: str) -> None:
        self._remote = Remote(shown, RedisError)
        pool, self._trust = pool_to(url)
        self._redis = Redis.from_pool(pool)
        self._fill = self._redis.register_script(_FILL)
        self._drop = self._redis.register_script(_DROP)

    async def get(self, key: str, tag: Tag | None) -> Cached:
        """As the port says."""
        name = key_of(key)
        async with self._operation():
            try:
                raw = await self._redis.getrange(name, 0, _VALUE_BYTES)
            except ResponseError as error:
                if not str(error).startswith("WRONGTYPE"):
                    raise
                raw = b""  # somebody else's, which a fill replaces
        assert isinstance(raw, bytes)
        return decoded(key, raw, tag, raw[:TOKEN_BYTES])

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        """As the port says."""
        name = key_of(key)
        if len(body) > limits.CACHE_BODY_BYTES:
            return False
        token = found.token if isinstance(found.token, bytes) else b""
        async with self._operation():
            return bool(await self._fill([name], [token, encoded(key, tag, body)]))

    async def drop(self, keys: Sequence[str]) -> None:
        """As the port says."""
        names = [key_of(key) for key in keys]
        for begin in range(0, len(names), limits.CACHE_DROPS_AT_ONCE):
            async with self._operation():
                await self._drop(names[begin : begin + limits.CACHE_DROPS_AT_ONCE], [dropped()])

    async def drop_near(self, keys: Sequence[str]) -> None:
        """As the port says: nothing of it is in this process."""

    async def check(self) -> None:
        """As the port says; keeps something to see that it can."""
        await probe(self)

    async def aclose(self) -> None:
        """As the port says. What is asked for later is answered as if Redis were away."""
        try:
            await self._remote.close()
        finally:
            await self._redis.aclose(close_connection_pool=True)

    @asynccontextmanager
    async def _operation(self) -> AsyncIterator[None]:
        async with self._remote.operation():
            if self._trust is not None:
                await self._trust.ready()
            yield
