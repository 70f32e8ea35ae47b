"""A store behind a cache, and what it does where one of the two fails.

The store is the model, the cache that of one process; both can be counted and made to fail.
"""

import asyncio
import contextlib

import orjson
import pytest

from backstory import limits
from backstory.caching import bodies
from backstory.caching.memory import MemoryCache
from backstory.caching.passing import PassingStore
from backstory.caching.store import CachedStore
from backstory.errors import CacheUnavailableError, StoreUnavailableError
from backstory.limits import MIB
from backstory.ports.staleness import Staleness
from backstory.ports.store import EntryQuery
from backstory.testing import FakeClock, ModelStore
from backstory.testing.scene import Scene, key

NEWEST = EntryQuery(limit=10, descending=True)


class Counted(PassingStore):
    """Counts what is read from a store, which can be away, and can be held up."""

    def __init__(self, store):
        super().__init__(store)
        self.reads, self.away = [], False
        self.begun, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()

    async def _reached(self, what=None):
        if what is not None:
            self.reads.append(what)
            self.begun.set()
        await self.open.wait()
        if self.away:
            raise StoreUnavailableError("the store is away", retry_after=1)

    async def check(self):
        await self._reached()

    async def standings(self, tenant, keys):
        if self.away:
            raise StoreUnavailableError("the store is away", retry_after=1)
        return await super().standings(tenant, keys)

    async def view(self, tenant, key, at=None):
        await self._reached("view")
        return await super().view(tenant, key, at)

    async def page(self, tenant, chain, query):
        await self._reached("page")
        return await super().page(tenant, chain, query)

    async def commit(self, commit):
        await self._reached()
        return await super().commit(commit)


class Failing(MemoryCache):
    """A cache that remembers the names it was given, and can be made to fail."""

    def __init__(self):
        super().__init__(4 * MIB)
        self.away, self.names = False, set()

    async def _reached(self, *names):
        self.names.update(names)
        if self.away:
            raise CacheUnavailableError("the cache is away")

    async def get(self, key, tag):
        await self._reached(key)
        return await super().get(key, tag)

    async def fill(self, key, found, tag, body):
        await self._reached(key)
        return await super().fill(key, found, tag, body)

    async def drop(self, keys):
        await self._reached(*keys)
        await super().drop(keys)

    async def check(self):
        await self._reached()

    @property
    def bodies(self):
        return [kept.body for kept in (*self._trial.values(), *self._favoured.values())]


class Node:
    """A cached store, with what it is made of."""

    def __init__(self, inner, clock, *, shared=True):
        self.inner, self.cache, self.clock = Counted(inner), Failing(), clock
        self.store = CachedStore(self.inner, self.cache, clock, shared=shared)
        self.scene = Scene(self.store, clock)

    async def view(self, name="chat", tenant="acme"):
        found = await self.store.view(tenant, key(name))
        await settled(self.store)
        return found

    async def texts(self, name="chat", query=NEWEST):
        found = await self.store.view_and_page("acme", key(name), query)
        await settled(self.store)
        return found and [orjson.loads(one.content) for one in found[1].entries]


async def settled(store):
    """What was read has been put into the cache."""
    while store._flights._tasks:
        await asyncio.wait(store._flights._tasks)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def model(clock):
    return ModelStore(clock)


@pytest.fixture
async def node(model, clock):
    node = Node(model, clock)
    yield node
    node.inner.away = node.cache.away = False
    await node.store.aclose()


@pytest.fixture
async def chat(node):
    """A conversation of two entries that nobody has read."""
    await node.scene.put("chat", {"secret": "kiwi"})
    await node.scene.append("chat", "one", "two")
    return node


# -- reading -----------------------------------------------------------------------------


async def test_what_did_not_change_is_read_once(chat):
    first = await chat.view()
    assert [await chat.view() for _ in range(3)] == [first] * 3
    assert await chat.store.snapshot("acme", key("chat")) == first.snapshot
    assert chat.inner.reads == ["view"]


async def test_entries_come_from_the_cache_in_pages_of_any_kind(chat):
    for query, seqs in (
        (NEWEST, [2, 1]),
        (EntryQuery(), [1, 2]),
        (EntryQuery(limit=1, descending=True), [2]),
        (EntryQuery(after=1), [2]),
    ):
        _, page = await chat.store.view_and_page("acme", key("chat"), query)
        await settled(chat.store)
        assert [one.seq for one in page.entries] == seqs
    assert chat.inner.reads == ["view", "page"]


async def test_what_was_written_is_seen_at_once(chat):
    assert await chat.texts() == ["two", "one"]
    await chat.scene.append("chat", "three")
    assert await chat.texts() == ["three", "two", "one"]
    await chat.scene.redact("chat", 2)
    assert await chat.texts() == ["three", "", "one"]


async def test_old_entries_of_a_long_conversation_come_from_the_store(chat):
    for n in range(3, 100):
        await chat.scene.append("chat", str(n))
    assert await chat.texts(query=EntryQuery(limit=2)) == ["one", "two"]
    assert await chat.texts(query=EntryQuery(limit=1, before=50, descending=True)) == ["49"]
    assert await chat.texts(query=EntryQuery(after=98)) == ["99"]
    assert await chat.texts(query=EntryQuery(after=97)) == ["98", "99"]
    assert chat.inner.reads.count("page") == 3


async def test_what_others_may_have_expired_is_not_shown_from_a_copy(chat):
    await chat.scene.put("brief", expires_at=chat.clock.now() + 1_000_000)
    await chat.scene.append("brief", "one")
    assert [await chat.texts("brief") for _ in range(2)] == [["one"]] * 2
    assert chat.inner.reads.count("page") == 2


async def test_letting_the_past_go_is_seen_though_it_makes_no_version(chat, model, clock):
    other = Node(model, clock)
    await chat.view()
    await other.store.forget("acme", key("chat"), 2)
    assert (await chat.view()).snapshot.head.history_from == 2
    assert chat.inner.reads == ["view"]
    await other.store.aclose()


async def test_a_name_that_was_used_before_has_nothing_of_it(chat):
    await chat.texts()
    await chat.scene.purge("chat")
    assert await chat.view() is None
    await chat.scene.put("chat", {"new": 1})
    assert await chat.texts() == []
    assert (await chat.view()).snapshot.state == b'{"new":1}'


async def test_names_in_the_cache_tell_nothing_and_belong_to_one_tenant(chat, model, clock):
    await chat.texts()
    other = Scene(chat.store, clock, tenant="other")
    await other.put("chat", {"of": "other"})
    assert (await chat.view(tenant="other")).snapshot.state == b'{"of":"other"}'
    model.epoch = "another life"
    again = Node(model, clock)
    await again.view()
    assert len(chat.cache.names) == 3
    assert not again.cache.names & chat.cache.names
    for name in chat.cache.names | again.cache.names:
        assert name.isalnum()
        assert name.isascii()
        assert len(name) <= 64
        assert "chat" not in name
    assert not any(b"users.1" in body for body in chat.cache.bodies)
    await again.store.aclose()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: b"\x00" + body[1:],
        lambda body: body[:-3],
        lambda body: b"\x01\xc1",
        lambda body: b"\x01\x90",
        lambda body: b"",
    ],
)
async def test_a_body_that_cannot_be_read_is_read_anew(chat, monkeypatch, spoil):
    whole = bodies.encode_view
    monkeypatch.setattr(bodies, "encode_view", lambda *args: spoil(whole(*args)))
    first = await chat.view()
    assert await chat.view() == first
    assert chat.inner.reads == ["view", "view"]


async def test_without_the_cache_reads_go_on(chat):
    chat.cache.away = True
    assert [await chat.texts() for _ in range(2)] == [["two", "one"]] * 2
    chat.cache.away = False
    assert [await chat.texts() for _ in range(2)] == [["two", "one"]] * 2
    assert chat.inner.reads == ["view", "page"] * 3


# -- many at once ------------------------------------------------------------------------


async def test_many_readers_of_what_is_cold_read_the_store_once(chat):
    chat.inner.open.clear()
    readers = [asyncio.create_task(chat.texts()) for _ in range(50)]
    await asyncio.sleep(0)
    chat.inner.open.set()
    assert await asyncio.gather(*readers) == [["two", "one"]] * 50
    assert chat.inner.reads == ["view", "page"]


async def test_whoever_goes_away_leaves_the_others_their_answer(chat):
    chat.inner.open.clear()
    readers = [asyncio.create_task(chat.view()) for _ in range(3)]
    await chat.inner.begun.wait()
    readers[0].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await readers[0]
    chat.inner.open.set()
    assert [(await one).snapshot.head.version for one in readers[1:]] == [2, 2]
    assert chat.inner.reads == ["view"]


async def test_an_error_is_for_those_who_wait_and_for_nobody_later(chat, monkeypatch):
    chat.inner.open.clear()
    readers = [asyncio.create_task(chat.view()) for _ in range(3)]
    await chat.inner.begun.wait()
    chat.inner.away = True
    chat.inner.open.set()
    for found in await asyncio.gather(*readers, return_exceptions=True):
        assert isinstance(found, StoreUnavailableError)
    chat.inner.away = False
    assert (await chat.view()).snapshot.head.version == 2


# -- what is taken away ------------------------------------------------------------------


def holds(node, text):
    return any(text in body for body in node.cache.bodies)


async def test_what_is_purged_has_left_the_cache_when_it_is_acknowledged(chat):
    await chat.texts()
    assert holds(chat, b"kiwi")
    assert holds(chat, b"two")
    await chat.scene.purge("chat")
    assert chat.cache.bodies == []


async def test_a_redaction_leaves_the_caches_of_forks_too(chat):
    await chat.scene.fork("chat", "fork")
    await chat.texts("fork")
    await chat.texts()
    await chat.scene.redact("chat", 1)
    assert not holds(chat, b"one")


async def test_what_is_forgotten_leaves_the_cache_though_nobody_read_what_followed(chat):
    await chat.view()
    await chat.scene.patch("chat", {"secret": None})
    await chat.store.forget("acme", key("chat"), 3)
    assert not holds(chat, b"kiwi")


async def test_whoever_read_before_a_purge_does_not_put_it_back(chat):
    chat.inner.open.clear()
    reader = asyncio.create_task(chat.texts())
    await chat.inner.begun.wait()
    view = await chat.inner._store.view("acme", key("chat"))
    chat.inner._store.view = lambda *_: _later(view)
    chat.inner.open.set()
    await chat.scene.purge("chat")
    with contextlib.suppress(StoreUnavailableError):
        await reader
    assert not holds(chat, b"kiwi")


async def _later(value):
    return value


async def test_a_caller_who_goes_away_does_not_keep_a_purge_out_of_the_cache(chat):
    await chat.texts()
    chat.inner.open.clear()
    purging = asyncio.create_task(chat.scene.purge("chat"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    purging.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await purging
    chat.inner.open.set()
    await chat.store.aclose()
    assert chat.cache.bodies == []


async def test_a_cache_that_was_away_is_told_of_a_purge_when_it_is_back(chat, monkeypatch, caplog):
    monkeypatch.setattr(limits, "CACHE_RETRY_SECONDS", 0.001)
    await chat.texts()
    chat.cache.away = True
    await chat.scene.purge("chat")
    assert "erased text is still in the cache" in caplog.text
    assert holds(chat, b"kiwi")
    chat.inner.away, chat.cache.away = True, True
    with Staleness(), pytest.raises(StoreUnavailableError):
        await chat.store.view("acme", key("chat"))
    chat.cache.away = False
    await chat.store._erasing._retrying
    assert chat.cache.bodies == []


async def test_a_store_that_closes_tells_the_cache_a_last_time(chat, caplog):
    await chat.texts()
    chat.cache.away = True
    await chat.scene.purge("chat")
    await chat.store._erasing.aclose()
    assert "flush it" in caplog.text
    chat.cache.away = False
    await chat.store._erasing.aclose()
    assert chat.cache.bodies == []


# -- while the store is away -------------------------------------------------------------


async def stale(node, name="chat", query=None):
    """What a reader is given who allows it, and of what age it is."""
    with Staleness() as staleness:
        if query is None:
            view = await node.store.view("acme", key(name))
            return view.snapshot.head.version, staleness.seconds
        _, page = await node.store.view_and_page("acme", key(name), query)
        return [one.seq for one in page.entries], staleness.seconds


async def refused(node, name="chat", query=None):
    with pytest.raises(StoreUnavailableError):
        await stale(node, name, query)


@pytest.mark.parametrize("shared", [True, False])
async def test_copies_are_given_to_who_allows_it_with_their_age(model, clock, shared):
    node = Node(model, clock, shared=shared)
    await node.scene.put("chat")
    await node.scene.append("chat", "one", "two")
    await node.texts()
    assert await stale(node) == (2, None)
    node.inner.away = True
    clock.advance(seconds=7)
    assert await stale(node) == (2, 7)
    assert await stale(node, query=NEWEST) == ([2, 1], 7)
    with pytest.raises(StoreUnavailableError):
        await node.view()
    with Staleness(allowed=False), pytest.raises(StoreUnavailableError):
        await node.view()
    await refused(node, "other")
    clock.advance(seconds=limits.STALE_SECONDS)
    await refused(node)
    node.inner.away = False
    assert await stale(node) == (2, None)
    await node.store.aclose()


async def test_writes_are_refused_while_the_store_is_away(chat):
    await chat.view()
    chat.inner.away = True
    with Staleness(), pytest.raises(StoreUnavailableError):
        await chat.scene.append("chat", "three")
    with pytest.raises(StoreUnavailableError):
        await chat.scene.purge("chat")
    assert (await stale(chat))[0] == 2  # nothing has happened


async def test_whoever_wrote_is_not_given_an_older_copy_afterwards(chat):
    await chat.view()
    chat.clock.advance(seconds=1)
    await chat.scene.append("chat", "three")
    chat.inner.away = True
    await refused(chat)


async def test_entries_that_no_copy_has_are_refused(chat):
    for n in range(3, 100):
        await chat.scene.append("chat", str(n))
    await chat.texts()
    chat.inner.away = True
    assert (await stale(chat, query=NEWEST))[0][:2] == [99, 98]
    await refused(chat, query=EntryQuery())
    await refused(chat, query=EntryQuery(before=20, descending=True))


async def test_a_copy_that_is_older_than_what_was_seen_is_not_given(chat):
    await chat.view()
    name, _ = chat.store._names("acme", key("chat"))
    old = chat.cache.bodies[0]
    tag = (await chat.view()).snapshot.head.tag
    chat.clock.advance(seconds=1)
    await chat.scene.append("chat", "three")
    await chat.view()
    await chat.cache.fill(name, await chat.cache.get(name, None), tag, old)
    chat.inner.away = True
    await refused(chat)


async def test_what_another_node_purged_is_given_by_nobody(model, clock):
    one, other = Node(model, clock, shared=False), Node(model, clock, shared=False)
    for name in ("chat", "kept", "changed"):
        await one.scene.put(name)
        await other.view(name)
    await one.scene.purge("chat")
    await one.scene.patch("changed", {"n": 1})
    await other.store._old.look_again()  # as it does every second
    other.inner.away = True
    await refused(other, "chat")
    await refused(other, "changed")
    assert (await stale(other, "kept"))[0] == 1
    assert len(other.cache.bodies) == 1
    for node in (one, other):
        await node.store.aclose()


async def test_looking_again_makes_copies_younger_and_goes_on_without_the_store(model, clock):
    node = Node(model, clock, shared=False)
    await node.scene.put("chat")
    await node.view()
    clock.advance(seconds=60)
    await node.store._old.look_again()
    node.inner.away = True
    clock.advance(seconds=5)
    with pytest.raises(StoreUnavailableError):
        await node.store._old.look_again()
    assert await stale(node) == (1, 5)
    await node.store.aclose()


async def test_what_nobody_reads_is_not_looked_at_for_ever(model, clock):
    node = Node(model, clock, shared=False)
    await node.scene.put("chat")
    await node.view()
    clock.advance(seconds=limits.STALE_SECONDS + 1)
    await node.store._old.look_again()
    node.inner.away = True
    await refused(node)
    await node.store.aclose()


async def test_the_node_is_ready_for_those_who_allow_it_while_it_has_copies(chat):
    await chat.view()
    chat.inner.away = True
    chat.clock.advance(seconds=3)
    with pytest.raises(StoreUnavailableError):
        await chat.store.check()
    with Staleness() as staleness:
        await chat.store.check()
    assert staleness.seconds == 3
    chat.cache.away = True
    with Staleness(), pytest.raises(StoreUnavailableError):
        await chat.store.check()
    chat.cache.away = False
    chat.clock.advance(seconds=limits.STALE_SECONDS)
    with Staleness(), pytest.raises(StoreUnavailableError):
        await chat.store.check()


async def test_a_store_that_answers_nothing_is_as_good_as_away(chat, monkeypatch):
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.01)
    chat.inner.open.clear()
    with Staleness() as staleness:
        await chat.store.check()
    assert staleness.seconds is not None
    chat.inner.open.set()
