"""A cache that is away costs nothing after its first failures."""

import pytest

from backstory import limits
from backstory.caching.guarded import GuardedCache
from backstory.domain.contexts import Tag
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cached
from backstory.resilience.breaker import Breaker, State

TAG = Tag(1, b"c" * 16)


class Far:
    """A cache that may be away, and counts who asks."""

    def __init__(self):
        self.away, self.asked = False, 0

    def _ask(self):
        self.asked += 1
        if self.away:
            raise CacheUnavailableError("nobody there")

    async def get(self, key, tag):
        self._ask()
        return Cached(None, tag, b"body")

    async def fill(self, key, found, tag, body):
        self._ask()
        return True

    async def drop(self, keys):
        self._ask()

    async def check(self):
        self._ask()

    async def aclose(self):
        self.closed = True


class Time:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def far():
    return Far()


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def cache(far, time):
    return GuardedCache(far, Breaker("cache", now=time))


def calls(cache):
    return [
        lambda: cache.get("k", TAG),
        lambda: cache.fill("k", Cached(None), TAG, b"body"),
        lambda: cache.drop(["k"]),
        cache.check,
    ]


async def test_while_it_is_there_all_goes_through(cache, far):
    assert (await cache.get("k", TAG)).body == b"body"
    assert await cache.fill("k", Cached(None), TAG, b"body")
    await cache.drop(["k"])
    await cache.check()
    assert far.asked == 4
    await cache.aclose()
    assert far.closed


@pytest.mark.parametrize("number", range(4), ids=["get", "fill", "drop", "check"])
async def test_after_some_failures_it_is_not_asked_and_fails_at_once(cache, far, number):
    far.away = True
    for _ in range(20):
        with pytest.raises(CacheUnavailableError) as caught:
            await calls(cache)[number]()
    assert far.asked == limits.BREAKER_FAILURES
    assert caught.value.retry_after == 1


async def test_it_is_used_again_once_it_answered_one_who_looked(cache, far, time):
    far.away = True
    for _ in range(20):
        with pytest.raises(CacheUnavailableError):
            await cache.get("k", TAG)
    far.away, time.now = False, limits.BREAKER_SECONDS
    assert (await cache.get("k", TAG)).body == b"body"
    assert cache._breaker.state is State.CLOSED
