"""What caches in servers do when those are killed, frozen, emptied, full or refuse."""

import asyncio
import contextlib
import random

import pytest

import server_process
from backstory import limits
from backstory.caching.layered import LayeredCache
from backstory.caching.memcached import MemcachedCache
from backstory.caching.memory import MemoryCache
from backstory.caching.redis import RedisCache
from backstory.domain.contexts import Tag
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cached

pytestmark = pytest.mark.faults

TAG, LATER = Tag(7, b"c" * 16), Tag(8, b"d" * 16)


def open_to(name, port):
    if name == "redis":
        return RedisCache(f"redis://127.0.0.1:{port}", f"redis://127.0.0.1:{port}")
    return MemcachedCache("127.0.0.1", port, f"memcached://127.0.0.1:{port}")


@contextlib.contextmanager
def started(name, *options, **settings):
    opened = server_process.redis(**settings) if name == "redis" else None
    with opened or server_process.memcached(*options) as server:
        if server is None:
            pytest.skip(server_process.MISSING[name])
        server.kind = name
        yield server


@pytest.fixture(scope="module", params=["redis", "memcached"])
def server(request):
    """One that only these tests use; each leaves it running."""
    with started(request.param) as server:
        yield server


@pytest.fixture
def own(request):
    """A server for one test: its kind, the options of Memcached, the settings of Redis."""
    name, options, settings = request.param
    with started(name, *options, **settings) as server:
        yield server


def with_own(*servers):
    return pytest.mark.parametrize("own", servers, indirect=True, ids=[one[0] for one in servers])


@pytest.fixture
async def cache(server):
    cache = open_to(server.kind, server.port)
    yield cache
    await cache.aclose()


async def keep(cache, key, body=b"body", tag=TAG):
    return await cache.fill(key, await cache.get(key, tag), tag, body)


async def body(cache, key, tag=TAG):
    return (await cache.get(key, tag)).body


async def fails(operation):
    """It does, and does not take for ever."""
    async with asyncio.timeout(60 * limits.CACHE_SECONDS):
        with pytest.raises(CacheUnavailableError) as caught:
            await operation
    assert "\n" not in caught.value.detail
    return caught.value.detail


async def all_fail(cache):
    found = await MemoryCache(1000).get("a", TAG)
    yield await fails(cache.get("a", TAG))
    yield await fails(cache.fill("a", found, TAG, b"body"))
    yield await fails(cache.drop(["a"]))
    yield await fails(cache.check())


async def test_a_server_that_was_killed_is_missed_at_once_and_found_again(server, cache):
    await asyncio.gather(*(keep(cache, f"a{number}") for number in range(40)))
    await asyncio.to_thread(server.kill)
    said = [detail async for detail in all_fail(cache)]
    await asyncio.to_thread(server.start)
    assert "cannot be used" in said[-1]
    assert await body(cache, "a1") is None
    await asyncio.gather(*(keep(cache, f"a{number}") for number in range(40)))
    assert await body(cache, "a1") == b"body"
    await cache.check()


async def test_a_server_that_is_killed_under_load_gives_each_caller_an_error_or_its_answer(
    server, cache
):
    for number in range(20):
        await keep(cache, f"k{number}", b"%d" % number)

    async def read(number):
        for _ in range(30):
            try:
                assert await body(cache, f"k{number}") in {b"%d" % number, None}
            except CacheUnavailableError:
                return

    async with asyncio.timeout(60):
        reads = [asyncio.create_task(read(number)) for number in range(20)]
        await keep(cache, "then")
        await asyncio.to_thread(server.kill)
        await asyncio.gather(*reads)
        await asyncio.to_thread(server.start)
        await cache.check()


async def test_a_server_that_answers_nothing_is_given_up_soon(server, cache):
    await keep(cache, "a")
    server.freeze()
    try:
        said = [detail async for detail in all_fail(cache)]
        many = await asyncio.gather(
            *(cache.get(f"a{number}", TAG) for number in range(100)), return_exceptions=True
        )
    finally:
        server.thaw()
    assert f"has not answered within {limits.CACHE_SECONDS} seconds" in said[0]
    assert {type(one) for one in many} == {CacheUnavailableError}
    await cache.check()
    assert await body(cache, "b") is None
    assert await keep(cache, "b", b"other")
    assert await body(cache, "b") == b"other"


async def test_who_gives_up_waiting_leaves_no_answer_for_the_next(server, cache):
    for number in range(30):
        await keep(cache, f"x{number}", b"%d" % number)
    for round_ in range(10):
        server.freeze()
        try:
            asked = [asyncio.create_task(cache.get(f"x{number}", TAG)) for number in range(10)]
            await turns(30)
            for one in asked:
                one.cancel()
            await asyncio.wait(asked)
        finally:
            server.thaw()
        for number in range(10 + round_, 30):
            assert await body(cache, f"x{number}") == b"%d" % number


async def test_who_gives_up_at_any_moment_takes_no_connection_along(server, cache):
    for number in range(2 * limits.CACHE_CONNECTIONS):
        await keep(cache, f"y{number}", b"%d" % number * 1_000)
    for moment in range(120):
        other = open_to(server.kind, server.port) if moment % 2 else cache
        one = asyncio.create_task(
            other.get("y1", TAG)
            if moment % 3
            else other.fill("z", await cache.get("z", TAG), TAG, b"z" * 100_000)
        )
        await turns(moment)
        one.cancel()
        await asyncio.wait([one])
        if other is not cache:
            await other.aclose()
        assert await body(cache, "y2") == b"2" * 1_000
    async with asyncio.timeout(60):
        for _ in range(3):
            bodies = await asyncio.gather(
                *(body(cache, f"y{number}") for number in range(2 * limits.CACHE_CONNECTIONS))
            )
            assert bodies == [b"%d" % number * 1_000 for number in range(len(bodies))]


async def turns(number):
    """Let everything else go on for so many turns of the loop."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_closing_while_others_read_ends_their_reading(server):
    cache = open_to(server.kind, server.port)
    await keep(cache, "a")
    server.freeze()
    try:
        reads = [asyncio.create_task(cache.get("a", TAG)) for _ in range(50)]
        await turns(30)
        await cache.aclose()
    finally:
        server.thaw()
    async with asyncio.timeout(60):
        ended = await asyncio.gather(*reads, return_exceptions=True)
    assert {type(one) for one in ended} <= {CacheUnavailableError, Cached}
    assert "closed" in await fails(cache.get("a", TAG))


async def test_a_server_that_was_emptied_is_filled_again(server, cache):
    await keep(cache, "a")
    found = await cache.get("a", TAG)
    await tell(server, {"redis": [b"FLUSHALL", b"SCRIPT FLUSH"], "memcached": [b"flush_all"]})
    assert await body(cache, "a") is None
    assert not await cache.fill("a", found, LATER, b"of what was there")
    assert await keep(cache, "a", b"anew")
    assert await body(cache, "a") == b"anew"


async def test_a_process_has_a_bounded_number_of_connections(server, cache):
    before = await connections(server)
    await asyncio.gather(*(keep(cache, f"c{number}") for number in range(300)))
    assert 1 < await connections(server) - before <= limits.CACHE_CONNECTIONS


async def connections(server):
    said = await tell(server, {"redis": [b"INFO clients"], "memcached": [b"stats"]})
    for line in said.splitlines():
        if line.startswith((b"connected_clients:", b"STAT curr_connections ")):
            return int(line.replace(b":", b" ").split()[-1])
    raise AssertionError(said)


async def tell(server, commands):
    """Speak to the server past the cache; what it says to the last of the commands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    said = b""
    for command in commands[server.kind]:
        writer.write(command + b"\r\n")
        said = await reader.readline()
        while command in {b"stats", b"INFO clients"} and not said.endswith(
            (b"END\r\n", b"\r\n\r\n")
        ):
            said += await reader.readline()
            if b"cluster_connections" in said or b"total_blocking_keys" in said:
                break
    writer.close()
    await writer.wait_closed()
    return said


@with_own(
    ("redis", (), {"maxmemory": "3mb", "maxmemory-policy": "noeviction"}),
    ("memcached", ("-M", "-m", "4"), {}),
)
async def test_a_full_server_gives_what_it_has_and_forgets_what_it_must(own):
    cache = open_to(own.kind, own.port)
    await keep(cache, "first", b"f" * 100_000)
    assert "memory" in await until_refused(cache)
    assert await body(cache, "first") == b"f" * 100_000
    await cache.drop(["first", "never"])
    assert await body(cache, "first", None) is None
    await cache.aclose()


async def until_refused(cache):
    for number in range(200):
        try:
            await keep(cache, f"full{number}", b"x" * 100_000)
        except CacheUnavailableError as error:
            return error.detail
    raise AssertionError("it is never full")


@with_own(("redis", (), {}))
async def test_a_redis_that_only_reads_is_none(own):
    cache = open_to("redis", own.port)
    await keep(cache, "a")
    await tell(own, {"redis": [b"REPLICAOF 127.0.0.1 1"]})
    assert await body(cache, "a") == b"body"
    found = await cache.get("b", TAG)
    assert "read only" in await fails(cache.fill("b", found, TAG, b"x"))
    assert "read only" in await fails(cache.drop(["a"]))
    assert "read only" in await fails(cache.check())
    await cache.aclose()


SLOWLY = {"key-load-delay": "50000", "loading-process-events-interval-bytes": "1024"}


@with_own(("redis", (), SLOWLY))
async def test_a_redis_that_is_still_loading_is_none(own):
    cache = open_to("redis", own.port)
    await asyncio.gather(
        *(keep(cache, f"a{number}", random.randbytes(2_000)) for number in range(100))
    )
    await tell(own, {"redis": [b"SAVE"]})
    await asyncio.to_thread(own.kill)
    await asyncio.to_thread(own.start)
    assert "loading" in (await fails(cache.get("a1", TAG))).lower()
    await cache.aclose()


@with_own(("redis", (), {}), ("memcached", (), {}))
async def test_a_server_of_another_kind_is_none(own):
    cache = open_to("memcached" if own.kind == "redis" else "redis", own.port)
    async for detail in all_fail(cache):
        assert "cannot be used" in detail
    await cache.aclose()


async def test_memory_goes_on_while_the_server_before_which_it_lies_is_away(server):
    cache = LayeredCache(MemoryCache(10_000_000), open_to(server.kind, server.port), 1_000_000)
    await keep(cache, "a")
    await asyncio.to_thread(server.kill)
    assert await body(cache, "a") == b"body"
    assert await body(cache, "b") is None
    assert await keep(cache, "b", b"near")
    assert await body(cache, "b") == b"near"
    assert await body(cache, "b", None) == b"near"
    await fails(cache.check())
    await fails(cache.drop(["a"]))
    assert await body(cache, "a", None) is None
    await asyncio.to_thread(server.start)
    await cache.check()
    assert await keep(cache, "c")
    await cache.aclose()
