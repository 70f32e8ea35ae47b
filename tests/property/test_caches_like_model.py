"""Whatever readers do in whatever order, each cache gives what is true or nothing."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from backstory import limits
from backstory.caching.layered import LayeredCache
from backstory.caching.memcached import MemcachedCache
from backstory.caching.memory import MemoryCache
from backstory.caching.redis import RedisCache
from backstory.domain.contexts import Tag

KEYS = ("a", "b", "c")
keys = st.sampled_from(KEYS)
readers = st.integers(0, 3)
# Versions come again with other commits, as after a restore.
tags = st.builds(Tag, st.integers(1, 3), st.sampled_from([b"x" * 16, b"y" * 16]))


class Machine(RuleBasedStateMachine):
    """Readers who remember what they found, and a model that knows what has happened since.

    `_kept` is what each key holds, `_changed` the moment of the last thing that happened to it.
    """

    open = None  # a coroutine function that opens a cache with nothing of these keys in it

    @initialize()
    def begin(self):
        self._runner = asyncio.Runner()
        self._cache = self._runner.run(self.open())
        self._runner.run(self._cache.drop(KEYS))
        self._moment = 0
        self._kept, self._changed, self._found = {}, {}, {}

    def teardown(self):
        self._runner.run(self._cache.aclose())
        self._runner.close()

    @rule(key=keys, tag=st.none() | tags, reader=readers)
    def get(self, key, tag, reader):
        found = self._runner.run(self._cache.get(key, tag))
        kept = self._kept.get(key)
        if kept is None or (tag is not None and kept[0] != tag):
            assert (found.tag, found.body) == (None, None)
        else:
            assert (found.tag, found.body) == kept
        self._found[reader, key] = (found, self._moment)

    @rule(key=keys, tag=tags, body=st.binary(max_size=20), reader=readers)
    def fill(self, key, tag, body, reader):
        if (reader, key) not in self._found:
            return
        found, then = self._found[reader, key]
        filled = self._runner.run(self._cache.fill(key, found, tag, body))
        assert filled == (self._changed.get(key, 0) <= then)
        if filled:
            self._kept[key] = (tag, body)
            self._happened(key)

    @rule(dropped=st.lists(keys))
    def drop(self, dropped):
        self._runner.run(self._cache.drop(dropped))
        for key in dropped:
            self._kept.pop(key, None)
            self._happened(key)

    @rule(size=st.integers(20_000, 30_000))
    def fill_others(self, size):
        """What others keep changes nothing of these."""

        async def fill():
            for number in range(20):
                name = f"other{number}"
                await self._cache.fill(
                    name, await self._cache.get(name, None), Tag(1, b""), bytes(size)
                )

        self._runner.run(fill())

    def _happened(self, key):
        self._moment += 1
        self._changed[key] = self._moment


def check(opened, examples):
    machine = type("Opened", (Machine,), {"open": staticmethod(opened)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )


def test_memory():
    async def opened():
        return MemoryCache(10_000_000)

    check(opened, 100)


def test_layers():
    async def opened():
        near, far = MemoryCache(10_000_000), MemoryCache(10_000_000)
        return LayeredCache(near, far, limits.CACHE_BODY_BYTES)

    check(opened, 100)


@pytest.mark.parametrize("layered", [False, True], ids=["alone", "behind memory"])
def test_redis(redis_server, layered):
    async def opened():
        far = RedisCache(f"redis://127.0.0.1:{redis_server.port}/7", "redis")
        near = MemoryCache(10_000_000)
        return LayeredCache(near, far, limits.CACHE_BODY_BYTES) if layered else far

    check(opened, 25)


@pytest.mark.parametrize("layered", [False, True], ids=["alone", "behind memory"])
def test_memcached(memcached_server, layered):
    async def opened():
        far = MemcachedCache("127.0.0.1", memcached_server.port, "memcached")
        near = MemoryCache(10_000_000)
        return LayeredCache(near, far, limits.MEMCACHED_BODY_BYTES) if layered else far

    check(opened, 25)
