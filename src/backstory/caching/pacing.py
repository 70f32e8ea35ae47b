"""Buckets of callers: in this process, and in a Redis that nodes share.

A node asks its own bucket first, so that who is far over the rate costs Redis nothing. Where
Redis is away, the own one is all there is, and no request fails for it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backstory import limits
from backstory.caching.redis_pool import pool_to
from backstory.caching.remote import Remote
from backstory.domain.rates import Rate, charge, take
from backstory.errors import CacheUnavailableError
from backstory.resilience.breaker import Breaker

_PREFIX: Final = "backstory:rate:"

# As `domain.rates`, by the server's clock, so that the clocks of nodes need not agree. ARGV:
# microseconds that the tokens cost, those that a bucket takes to fill, and whether to charge.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
local after = math.max(full, now) + ARGV[1]
local over = after - now - ARGV[2]
if over > 0 then
  if ARGV[3] == '0' then return over end
  after = math.max(full, now + ARGV[2])
end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return 0
"""


def _now() -> int:
    return time.monotonic_ns() // 1000


class MemoryPacer:
    """`ports.pacing.Pacer` in this process; `now` gives microseconds.

    Keeps `limits.RATE_KEYS` buckets and forgets those first that were asked longest ago.
    """

    def __init__(self, now: Callable[[], int] = _now) -> None:
        self._now = now
        self._full_at: OrderedDict[str, int] = OrderedDict()

    async def take(self, key: str, rate: Rate) -> int:
        """As the port says."""
        return self.take_now(key, rate)

    async def charge(self, key: str, rate: Rate, tokens: int) -> None:
        """As the port says."""
        self._keep(key, charge(rate, self._full_at.get(key, 0), self._now(), tokens))

    def take_now(self, key: str, rate: Rate) -> int:
        """As the port says."""
        taken = take(rate, self._full_at.get(key, 0), self._now())
        self._keep(key, taken.full_at)
        return taken.wait

    def give_back(self, key: str, rate: Rate) -> None:
        """As the port says."""
        if key in self._full_at:
            self._full_at[key] -= rate.each

    async def aclose(self) -> None:
        """As the port says."""

    def _keep(self, key: str, full_at: int) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > limits.RATE_KEYS:
            self._full_at.popitem(last=False)


class RedisPacer:
    """`ports.pacing.Pacer` for nodes that share a Redis; to be used inside one event loop."""

    def __init__(self, url: str, near: MemoryPacer, breaker: Breaker) -> None:
        pool, self._trust = pool_to(url)
        self._remote = Remote(urlsplit(url).hostname or "redis", RedisError)
        self._redis = Redis.from_pool(pool)
        self._script = self._redis.register_script(_TAKE)
        self._near, self._breaker = near, breaker

    async def take(self, key: str, rate: Rate) -> int:
        """As the port says."""
        if wait := self._near.take_now(key, rate):
            return wait
        wait = await self._ask(key, rate, 1, charging=False)
        if wait:
            self._near.give_back(key, rate)
        return wait

    def take_now(self, key: str, rate: Rate) -> None:
        """As the port says: Redis has to be asked."""

    def give_back(self, key: str, rate: Rate) -> None:
        """As the port says: nothing was taken."""

    async def charge(self, key: str, rate: Rate, tokens: int) -> None:
        """As the port says."""
        await self._near.charge(key, rate, tokens)
        await self._ask(key, rate, tokens, charging=True)

    async def aclose(self) -> None:
        """As the port says."""
        try:
            await self._remote.close()
        finally:
            await self._redis.aclose(close_connection_pool=True)

    async def _ask(self, key: str, rate: Rate, tokens: int, *, charging: bool) -> int:
        """What Redis says; 0 where it says nothing."""
        held = self._breaker.enter()
        if held is None:
            return 0
        wait, well = 0, None  # a caller who goes away tells nothing of Redis
        try:
            async with self._remote.operation():
                if self._trust is not None:
                    await self._trust.ready()
                costs = [rate.lasting(tokens), rate.filling, int(charging)]
                wait = int(await self._script(keys=[_PREFIX + key], args=costs))
            well = True
        except CacheUnavailableError:
            well = False
        finally:
            self._breaker.leave(held, well=well)
        return wait
