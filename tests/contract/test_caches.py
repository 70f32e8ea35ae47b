"""Every cache passes the contract, the servers' with real servers."""

import pytest

from backstory import limits
from backstory.caching.guarded import GuardedCache
from backstory.caching.layered import LayeredCache
from backstory.caching.memcached import MemcachedCache
from backstory.caching.memory import MemoryCache
from backstory.caching.opening import open_cache
from backstory.caching.redis import RedisCache
from backstory.caching.sealed import SealedCache
from backstory.domain.contexts import Tag
from backstory.encryption.box import Box
from backstory.resilience.breaker import Breaker
from backstory.testing.cache_contract import CacheContract

pytestmark = pytest.mark.usefixtures("unhurried_caches")

MEMORY_BYTES = 64 * limits.MIB


class TestMemory(CacheContract):
    @pytest.fixture
    async def cache(self):
        cache = MemoryCache(MEMORY_BYTES)
        yield cache
        await cache.aclose()


class TestGuarded(CacheContract):
    @pytest.fixture
    async def cache(self):
        cache = GuardedCache(MemoryCache(MEMORY_BYTES), Breaker("cache"))
        yield cache
        await cache.aclose()


class TestSealed(CacheContract):
    @pytest.fixture
    async def cache(self):
        cache = SealedCache(MemoryCache(MEMORY_BYTES), Box(bytes(32), "cache"))
        yield cache
        await cache.aclose()

    async def test_the_server_is_given_no_text_and_believed_nothing(self):
        far, tag = MemoryCache(MEMORY_BYTES), Tag(1, b"commit")
        cache = SealedCache(far, Box(bytes(32), "cache"))
        await cache.fill("a", await cache.get("a", tag), tag, b"text of a")
        kept = await far.get("a", tag)
        assert b"text" not in kept.body
        assert (await cache.get("a", tag)).body == b"text of a"
        # What was put under another key or tag, or by whoever has another key, is nothing.
        await far.fill("b", await far.get("b", tag), tag, kept.body)
        assert (await cache.get("b", tag)).body is None
        other = SealedCache(far, Box(bytes([1]) * 32, "cache"))
        assert (await other.get("a", tag)).body is None
        await cache.aclose()


class TestLayered(CacheContract):
    """Two layers of memory, which show what a fast server might."""

    @pytest.fixture
    def far(self):
        return MemoryCache(MEMORY_BYTES)

    @pytest.fixture
    async def cache(self, far):
        cache = LayeredCache(MemoryCache(MEMORY_BYTES), far, limits.CACHE_BODY_BYTES)
        yield cache
        await cache.aclose()

    @pytest.fixture
    def beside(self, far):
        return LayeredCache(MemoryCache(MEMORY_BYTES), far, limits.CACHE_BODY_BYTES)


class TestRedis(CacheContract):
    @pytest.fixture
    async def cache(self, redis_server):
        cache = RedisCache(f"redis://127.0.0.1:{redis_server.port}/3", "redis")
        yield cache
        await cache.aclose()

    @pytest.fixture
    async def beside(self, redis_server):
        cache = RedisCache(f"redis://127.0.0.1:{redis_server.port}/3", "redis")
        yield cache
        await cache.aclose()


class TestMemcached(CacheContract):
    @pytest.fixture
    async def cache(self, memcached_server):
        cache = MemcachedCache("127.0.0.1", memcached_server.port, "memcached")
        yield cache
        await cache.aclose()

    @pytest.fixture
    async def beside(self, memcached_server):
        cache = MemcachedCache("127.0.0.1", memcached_server.port, "memcached")
        yield cache
        await cache.aclose()


class Opened(CacheContract):
    """As the setting opens it: memory before the server."""

    @pytest.fixture
    async def cache(self, url):
        cache = open_cache(url, memory_bytes=MEMORY_BYTES)
        yield cache
        await cache.aclose()

    @pytest.fixture
    async def beside(self, url):
        cache = open_cache(url, memory_bytes=MEMORY_BYTES)
        yield cache
        await cache.aclose()


class TestMemoryBeforeRedis(Opened):
    @pytest.fixture
    def url(self, redis_server):
        return f"redis://127.0.0.1:{redis_server.port}/4"


class TestNoMemoryBeforeRedis(TestMemoryBeforeRedis):
    @pytest.fixture
    async def cache(self, url):
        cache = open_cache(url, memory_bytes=0)
        yield cache
        await cache.aclose()


class TestMemoryBeforeMemcached(Opened):
    @pytest.fixture
    def url(self, memcached_server):
        return f"memcached://127.0.0.1:{memcached_server.port}"
