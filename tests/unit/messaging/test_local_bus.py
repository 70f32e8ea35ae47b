"""The bus of one machine: hints in the process, a look at the file for others."""

import asyncio

import pytest

from backstory.domain.commits import Append
from backstory.errors import StoreUnavailableError
from backstory.messaging.local import LocalBus
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry, key

SOON = 10


class Ear:
    """Remembers what it heard, and lets a test wait for the next."""

    def __init__(self):
        self.heard = []
        self.news = asyncio.Event()

    def __call__(self, tenant):
        self.heard.append(tenant)
        self.news.set()

    async def next(self):
        await asyncio.wait_for(self.news.wait(), SOON)
        self.news.clear()


@pytest.fixture
async def ear():
    return Ear()


async def test_an_announcement_reaches_every_hearer_once_a_turn(ear):
    bus, other = LocalBus(), Ear()
    bus.subscribe(ear)
    leave = bus.subscribe(other)
    for tenant in ("a", "b", "a"):
        bus.announce(tenant)
    await ear.next()
    assert ear.heard == other.heard == ["a", "b"]
    leave()
    leave()
    bus.announce("c")
    await ear.next()
    assert other.heard == ["a", "b"]
    await bus.aclose()


async def test_a_change_of_the_probe_is_a_hint_for_all(ear):
    version = [1]
    bus = LocalBus(lambda: version[0], poll_seconds=0, hint_seconds=1000)
    bus.subscribe(ear)
    await asyncio.sleep(0)
    version[0] = 2
    await ear.next()
    assert ear.heard == [None]
    await bus.aclose()


async def test_a_hint_comes_once_in_a_while_anyway(ear):
    bus = LocalBus(poll_seconds=0, hint_seconds=0)
    bus.subscribe(ear)
    await ear.next()
    assert ear.heard[0] is None
    await bus.aclose()


async def test_nobody_looks_while_nobody_listens(ear):
    looks = []
    bus = LocalBus(lambda: looks.append(1) or len(looks), poll_seconds=0)
    bus.announce("a")
    leave = bus.subscribe(ear)
    await ear.next()
    leave()
    await asyncio.sleep(0)
    count = len(looks)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(looks) == count
    bus.subscribe(ear)
    await ear.next()
    await bus.aclose()
    await bus.aclose()


async def test_a_probe_that_fails_and_a_hearer_that_fails_stop_nobody(ear, caplog):
    answers = iter([1, StoreUnavailableError("gone for a moment"), 2, 3])

    def probe():
        answer = next(answers, 3)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def broken(_):
        raise RuntimeError("the test's hearer")

    bus = LocalBus(probe, poll_seconds=0, hint_seconds=1000)
    bus.subscribe(broken)
    bus.subscribe(ear)
    while len(ear.heard) < 3:
        await ear.next()
    assert "gone for a moment" in caplog.text
    assert "hearer" in caplog.text
    await bus.aclose()


async def test_a_write_through_another_connection_is_heard_of(ear, tmp_path):
    clock = FakeClock()
    mine = await open_store(tmp_path / "s.db", clock=clock)
    theirs = await open_store(tmp_path / "s.db", clock=clock)
    await Scene(mine, clock).put("chat")
    bus = LocalBus(mine.data_version, hint_seconds=1000)
    bus.subscribe(ear)
    await asyncio.sleep(0)
    scene = Scene(theirs, clock)
    await scene.store.commit(scene.commit(Append(key("chat"), (entry("hello"),))))
    await ear.next()
    assert await Scene(mine, clock).texts("chat") == ["hello"]
    await bus.aclose()
    await mine.aclose()
    await theirs.aclose()
