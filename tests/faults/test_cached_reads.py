"""Nodes on one PostgreSQL and one Redis: what is read is true, and what is erased is gone."""

import asyncio
import itertools
import random

import orjson
import pytest
import redis.asyncio as redis_client

from backstory import limits
from backstory.caching.layered import LayeredCache
from backstory.caching.memory import MemoryCache
from backstory.caching.redis import RedisCache
from backstory.caching.store import CachedStore
from backstory.clock import SystemClock
from backstory.domain.commits import Append, Delete, Fork, Purge, Put, Redact
from backstory.domain.entries import REDACTED_CONTENT
from backstory.limits import MIB
from backstory.ports.store import EntryQuery
from backstory.storage.postgres.store import open_store
from backstory.testing import ModelStore
from backstory.testing.scene import Scene, entry, key
from postgres_server import free_port

pytestmark = pytest.mark.faults

NEWEST = EntryQuery(limit=20, descending=True)
SECRET = "the kiwi sings at midnight"


@pytest.fixture
async def redis(redis_server):
    url = f"redis://127.0.0.1:{redis_server.port}"
    client = redis_client.Redis.from_url(url)
    await client.flushall()
    client.ours = redis_server
    yield client
    await client.aclose()


class Nodes:
    """Nodes that come and go."""

    def __init__(self, url, port):
        self.url, self.port = url, port
        self._open = []

    async def begin(self):
        near = MemoryCache(8 * MIB)
        url = f"redis://127.0.0.1:{self.port}"
        cache = LayeredCache(near, RedisCache(url, url), limits.CACHE_BODY_BYTES)
        clock = SystemClock()
        store = CachedStore(await open_store(self.url, clock=clock), cache, clock, shared=True)
        store.near = near
        self._open.append(store)
        return store

    async def close(self):
        while self._open:
            await self._open.pop().aclose()


@pytest.fixture
async def nodes(postgres_url, redis):
    nodes = Nodes(postgres_url, redis.ours.port)
    yield nodes
    await nodes.close()


class Clock:
    """As a scene wants it, at the times that pass."""

    def advance(self, micros=0):
        return SystemClock().now()


def scene_of(store):
    return Scene(store, Clock())


async def read(store, name="chat"):
    found = await store.view_and_page("acme", key(name), NEWEST)
    while store._flights._tasks:
        await asyncio.wait(store._flights._tasks)
    return found


async def kept(redis):
    """All that Redis holds."""
    return b"".join([name + (await redis.get(name) or b"") async for name in redis.scan_iter()])


def near(store):
    kept = (*store.near._trial.values(), *store.near._favoured.values())
    return b"".join(one.body for one in kept)


async def told(nodes):
    """A conversation that both nodes have read, and a fork of it."""
    one, other = await nodes.begin(), await nodes.begin()
    scene = scene_of(one)
    await scene.put("chat", {"secret": SECRET})
    await scene.append("chat", SECRET, "two")
    await scene.fork("chat", "fork")
    for store, name in itertools.product((one, other), ("chat", "fork")):
        await read(store, name)
    return one, other


async def test_what_is_purged_is_in_no_cache_when_that_is_acknowledged(nodes, redis):
    one, other = await told(nodes)
    assert SECRET.encode() in await kept(redis)
    await scene_of(one).purge("fork")
    await scene_of(one).purge("chat")
    assert SECRET.encode() not in await kept(redis)
    assert SECRET.encode() not in near(one)
    assert [await read(other, name) for name in ("chat", "fork")] == [None, None]
    assert SECRET.encode() not in near(other)


async def test_what_another_node_purged_leaves_the_memory_of_who_does_not_read_it_again(nodes):
    one, other = await told(nodes)
    assert SECRET.encode() in near(other)
    for name in ("fork", "chat"):
        await scene_of(one).purge(name)
    await other._old.look_again()  # as it does by itself once in `limits.POLL_SECONDS`
    assert SECRET.encode() not in near(other)


async def test_what_is_redacted_leaves_the_caches_of_forks_too(nodes, redis):
    one, other = await told(nodes)
    await scene_of(one).patch("chat", {"secret": None})
    await scene_of(one).patch("fork", {"secret": None})
    await scene_of(one).redact("chat", 1)
    assert SECRET.encode() not in await kept(redis)
    for store, name in itertools.product((one, other), ("chat", "fork")):
        _, page = await read(store, name)
        assert [orjson.loads(each.content) for each in page.entries] == ["two", ""]
    assert SECRET.encode() not in await kept(redis)


async def test_readers_who_race_with_a_purge_put_nothing_back(nodes, redis):
    one, other = await told(nodes)
    done = False

    async def read_on(store, name):
        while not done:
            await read(store, name)

    readers = [
        asyncio.create_task(read_on(*each))
        for each in itertools.product((one, other), ("chat", "fork"))
    ]
    for _ in range(10):
        await redis.flushall()  # so that readers always have something to put there
        await scene_of(one).append("chat", SECRET)
        await scene_of(one).append("fork", SECRET)
    for name in ("chat", "fork"):
        await scene_of(one).purge(name)
    assert SECRET.encode() not in await kept(redis)
    done = True
    await asyncio.gather(*readers)
    assert SECRET.encode() not in await kept(redis)


async def test_a_redis_that_hangs_is_told_of_a_purge_when_it_is_back(nodes, redis):
    one, _ = await told(nodes)
    redis.ours.freeze()
    try:
        await scene_of(one).purge("chat")
        await scene_of(one).purge("fork")
        assert SECRET.encode() not in near(one)
    finally:
        redis.ours.thaw()
    await one._erasing._retrying
    assert SECRET.encode() not in await kept(redis)


# -- histories -----------------------------------------------------------------------------


class Name:
    """One context, whose only writer notes what each version shows."""

    def __init__(self, name, model):
        self.name, self.model = name, model
        self.shown = {}
        self.acknowledged = 0
        self.purged = True  # or not there yet
        self.purges_begun = self.purges_ended = 0

    async def write(self, store, operation):
        """One write, which makes one version; the model does the same."""
        self.purges_begun += isinstance(operation, Purge)
        result = await scene_of(store).one(operation)
        await scene_of(self.model).one(operation)
        self.acknowledged, self.purged = result.version, isinstance(operation, Purge)
        self.purges_ended += self.purged
        found = await self.model.view_and_page("acme", key(self.name), NEWEST)
        self.shown[result.version] = what(found)

    def agrees(self, version, shown):
        """Whether that is what the version shows, but for entries that were erased meanwhile."""
        *expected, entries = self.shown[version]
        *found, left = shown
        before = dict(entries)
        gone_since = any(self.shown[later] is None for later in self.shown if later > version)
        return (
            found == expected
            and (len(left) == len(entries) or gone_since)
            and all(content in (before[seq], REDACTED_CONTENT) for seq, content in left)
        )

    async def next(self, chance, number):
        """What may be done to it as it stands."""
        name = key(self.name)
        put = Put(name, "conversation", orjson.dumps({"n": number}), (), None)
        found = await self.model.view_and_page("acme", name, NEWEST)
        if found is None or found[0].snapshot.head.deleted:
            return chance.choice([put, Fork(name, key("source"))])
        rarely = [Delete(name), Purge(name)]
        if chance.random() < 0.2:
            return chance.choice(rarely)
        # Entries of its own: what is redacted in the source gives every fork a version.
        text = [one.seq for one in found[1].entries if one.content.startswith(b'"entry')]
        if text and chance.random() < 0.2:
            return Redact(name, chance.choice(text))
        return chance.choice([put, Append(name, (entry(f"entry {number}"),))])


def what(found):
    """Everything of a reading that a version determines."""
    if found is None:
        return None
    view, page = found
    head = view.snapshot.head
    return (
        head.deleted,
        view.snapshot.state,
        head.entry_count,
        [(one.seq, one.content) for one in page.entries],
    )


async def writing(name, stores, chance, times):
    for number in range(times):
        await name.write(chance.choice(stores), await name.next(chance, number))
        await asyncio.sleep(chance.choice([0, 0.003]))


async def session(name, stores, chance, finished):
    """Reads on any node; all that it saw, and what was wrong at once."""
    newest, seen, wrong = 0, [], []
    while not finished.is_set():
        floor, purged, ended = name.acknowledged, name.purged, name.purges_ended
        found = await chance.choice(stores).view_and_page("acme", key(name.name), NEWEST)
        if found is None:
            if not purged and name.purges_begun == ended:
                wrong.append(("not there", floor))
            continue
        version = found[0].snapshot.head.version
        if version < floor:
            wrong.append(("late", version, floor))
        if version < newest:
            wrong.append(("back", version, newest))
        newest = max(newest, version)
        seen.append((version, what(found)))
    return seen, wrong


async def test_reads_on_any_node_see_what_was_acknowledged_and_never_go_back(nodes, redis):
    chance = random.Random(7)
    stores, model = [await nodes.begin(), await nodes.begin()], ModelStore(SystemClock())
    for store in (stores[0], model):
        await scene_of(store).put("source", {"of": "source"})
        await scene_of(store).append("source", "first", "second")
    names = [Name(f"chat{n}", model) for n in range(3)]
    finished = asyncio.Event()
    sessions = [
        (name, asyncio.create_task(session(name, stores, random.Random(n), finished)))
        for n, name in enumerate(names * 2)
    ]

    async def flushing():
        while True:
            await asyncio.sleep(0.05)
            await redis.flushall()

    flushes = asyncio.create_task(flushing())
    await asyncio.gather(*(writing(name, stores, chance, 70) for name in names))
    finished.set()
    flushes.cancel()
    versions = 0
    for name, task in sessions:
        seen, wrong = await task
        assert wrong == []
        for version, shown in seen:
            assert name.agrees(version, shown)
        versions += len({version for version, _ in seen})
    assert versions > 30


@pytest.mark.parametrize("epoch", ["kept", "new"])
async def test_a_restored_database_has_nothing_of_the_life_it_lost(postgres, nodes, redis, epoch):
    """The cache still has versions that the backup never had, and will have again."""
    url, copy = nodes.url, nodes.url.rsplit("/")[-1] + "_restored"
    one = await nodes.begin()
    scene = scene_of(one)
    await scene.put("chat", {"life": "first"})
    await read(one)
    await nodes.close()
    await postgres.do(f"CREATE DATABASE {copy} TEMPLATE {url.rsplit('/')[-1]}")
    one = await nodes.begin()
    for n in range(4):
        await scene_of(one).append("chat", f"lost {n}")
        await read(one)
    assert b"lost 3" in await kept(redis)
    await nodes.close()
    if epoch == "new":
        await postgres.do(
            "UPDATE backstory SET epoch = 'second', first_epoch = false", database=copy
        )
    nodes.url = postgres.url(copy)
    one, other = await nodes.begin(), await nodes.begin()
    for n in range(6):
        for store in (one, other):
            view, page = await read(store)
            assert view.snapshot.head.version == n + 1
            texts = [orjson.loads(each.content) for each in page.entries]
            assert texts == [f"found {m}" for m in reversed(range(n))]
        await scene_of(one).append("chat", f"found {n}")
    await nodes.close()
    await postgres.do(f"DROP DATABASE {copy} WITH (FORCE)")


async def test_without_redis_reads_are_still_true(nodes, postgres_url):
    """The far cache was never there."""
    nodes.port = free_port()
    one, other = await nodes.begin(), await nodes.begin()
    await scene_of(one).put("chat", {"n": 0})
    for n in range(1, 20):
        await scene_of(one).patch("chat", {"n": n})
        for store in (one, other):
            view, _ = await read(store)
            assert orjson.loads(view.snapshot.state) == {"n": n}
