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
        self.heard = 0
        self.news = asyncio.Event()

    def __call__(self):
        self.heard += 1
        self.news.set()

    async def next(self):
        await asyncio.wait_for(self.news.wait(), SOON)
        self.news.clear()


@pytest.fixture
async def ear():
    return Ear()


async def test_an_announcement_reaches_every_hearer_once_a_turn(ear):
    bus, same, other = LocalBus(), Ear(), Ear()
    bus.subscribe("a", ear)
    leave = bus.subscribe("a", same)
    bus.subscribe("b", other)
    for tenant in ("a", "a", "c"):
        bus.announce(tenant)
    await ear.next()
    assert (ear.heard, same.heard, other.heard) == (1, 1, 0)
    leave()
    leave()
    bus.announce("a")
    await ear.next()
    assert (ear.heard, same.heard) == (2, 1)
    await bus.aclose()


async def test_a_change_of_the_probe_is_a_hint_for_all(ear):
    version = [1]
    bus = LocalBus(lambda: version[0], poll_seconds=0, hint_seconds=1000)
    bus.subscribe("a", ear)
    await asyncio.sleep(0)
    version[0] = 2
    await ear.next()
    assert ear.heard == 1
    await bus.aclose()


async def test_a_hint_comes_once_in_a_while_anyway(ear):
    bus = LocalBus(lambda: 1, poll_seconds=0, hint_seconds=0)
    bus.subscribe("a", ear)
    await ear.next()
    assert ear.heard
    await bus.aclose()


async def test_nobody_looks_while_nobody_listens(ear):
    looks = []
    bus = LocalBus(lambda: looks.append(1) or len(looks), poll_seconds=0)
    bus.announce("a")
    leave = bus.subscribe("a", ear)
    await ear.next()
    leave()
    await asyncio.sleep(0)
    count = len(looks)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(looks) == count
    bus.subscribe("a", ear)
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

    def broken():
        raise RuntimeError("the test's hearer")

    bus = LocalBus(probe, poll_seconds=0, hint_seconds=1000)
    bus.subscribe("a", broken)
    bus.subscribe("a", ear)
    while ear.heard < 3:
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
    bus.subscribe("a", ear)
    await asyncio.sleep(0)
    scene = Scene(theirs, clock)
    await scene.store.commit(scene.commit(Append(key("chat"), (entry("hello"),))))
    await ear.next()
    assert await Scene(mine, clock).texts("chat") == ["hello"]
    await bus.aclose()
    await mine.aclose()
    await theirs.aclose()
