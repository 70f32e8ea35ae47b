"""Callers of the file store are answered in time, whoever else holds the file."""

import asyncio
import fcntl
import threading
from contextlib import asynccontextmanager

import pytest

from backstory.errors import OutcomeUnknownError, StoreUnavailableError
from backstory.resilience.deadlines import within
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.writer import Writer
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


@pytest.fixture
async def scene(tmp_path):
    clock = FakeClock()
    store = await open_store(SqliteOptions(tmp_path / "test.db"), clock=clock)
    yield Scene(store, clock)
    await store.aclose()


@asynccontextmanager
async def held(scene):
    """Another process's turn at the file."""
    with scene.store._options.lock_path.open("rb+") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield
        fcntl.flock(file, fcntl.LOCK_UN)


async def test_a_write_that_is_due_before_its_turn_is_not_done_and_hurries_nobody(scene):
    await scene.put("chat")

    async def hurried(number):
        with within(0.05):
            await scene.append("chat", f"hurried {number}")

    async with held(scene):
        patient = asyncio.create_task(scene.append("chat", "patient"))
        calls = (hurried(number) for number in range(10))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreUnavailableError}
        assert all("nothing was written" in answer.detail for answer in answers)
        assert not patient.done()
    await patient
    assert await scene.texts("chat") == ["patient"]


async def test_a_write_that_is_due_while_the_disk_takes_it_has_an_unknown_outcome(
    scene, monkeypatch
):
    await scene.put("chat")
    commit, go_on = Writer._commit, threading.Event()

    def slow(self, db):
        go_on.wait(30)
        commit(self, db)

    monkeypatch.setattr(Writer, "_commit", slow)
    with within(0.05), pytest.raises(OutcomeUnknownError):
        await scene.append("chat", "maybe")
    go_on.set()
    await scene.append("chat", "then")
    assert await scene.texts("chat") == ["maybe", "then"]


async def test_a_read_that_waits_for_a_thread_is_given_up_when_it_is_due(scene):
    await scene.put("chat")
    go_on = threading.Event()
    readers = scene.store._readers
    blocked = [asyncio.create_task(readers.run(lambda _: go_on.wait(30))) for _ in range(4)]
    await asyncio.sleep(0)
    with within(0.05), pytest.raises(StoreUnavailableError):
        await readers.run(lambda _: None)
    go_on.set()
    await asyncio.gather(*blocked)
    assert await readers.run(lambda _: "read") == "read"
    assert readers._waiting == 0
