"""The cache of one process keeps its bound, and what is asked for most."""

from itertools import cycle

from backstory import limits
from backstory.caching.memory import MemoryCache
from backstory.domain.contexts import Tag

TAG = Tag(7, b"c" * 16)


async def fill(cache, key, body, tag=TAG):
    return await cache.fill(key, await cache.get(key, tag), tag, body)


async def test_thousands_of_bodies_of_mixed_sizes_stay_under_the_bound():
    cache = MemoryCache(1_000_000)
    sizes = cycle([0, 1, 100, 5_000, 124_000, 40_000, 130_000])
    for number in range(5_000):
        await fill(cache, f"k{number % 1_500}", bytes(next(sizes)))
        if number % 3 == 0:
            await cache.get(f"k{number * 7 % 1_500}", None)
        assert cache.size <= 1_000_000
    assert cache.size > 700_000, "room was left, and still something was thrown out"


async def test_a_look_through_everything_does_not_push_out_what_is_read_often():
    cache = MemoryCache(100_000)
    await fill(cache, "hot", b"h" * 1_000)
    await cache.get("hot", TAG)
    for number in range(1_000):
        await fill(cache, f"scan{number}", b"s" * 1_000)
    assert (await cache.get("hot", TAG)).body == b"h" * 1_000
    assert (await cache.get("scan0", TAG)).body is None


async def test_what_is_no_longer_read_gives_way_to_what_is():
    cache = MemoryCache(100_000)
    for group in ("old", "new"):
        for number in range(40):
            await fill(cache, f"{group}{number}", b"x" * 1_000)
            for _ in range(3):
                await cache.get(f"{group}{number}", TAG)
    kept = [number for number in range(40) if (await cache.get(f"new{number}", TAG)).body]
    assert kept == list(range(40))


async def test_a_body_over_an_eighth_of_the_bound_is_not_kept():
    cache = MemoryCache(80_000)
    assert not await fill(cache, "a", b"x" * 10_001)
    assert await fill(cache, "a", b"x" * 10_000)


async def test_a_bound_of_nothing_keeps_nothing():
    cache = MemoryCache(0)
    await fill(cache, "a", b"")
    assert (await cache.get("a", None)).body is None
    assert cache.size == 0


async def test_a_body_is_not_given_after_its_time():
    moment = 0.0
    cache = MemoryCache(100_000, seconds=60, now=lambda: moment)
    await fill(cache, "a", b"x")
    moment = 59.9
    assert (await cache.get("a", TAG)).body == b"x"
    moment = 60.0
    assert (await cache.get("a", None)).body is None
    assert cache.size == 0


async def test_a_drop_that_is_no_longer_remembered_still_stops_fillers_from_before_it():
    cache = MemoryCache(100_000)
    found = await cache.get("erased", TAG)
    await cache.drop(["erased"])
    await cache.drop([f"other{number}" for number in range(limits.CACHE_DROPS)])
    assert not await cache.fill("erased", found, TAG, b"what was erased")
    assert await fill(cache, "erased", b"what is now")
