"""The write-ahead log's file is longer than what is in it, and nobody reads what is not in it."""

import shutil
import threading

import pytest

from backstory import limits
from backstory.storage.sqlite import SqliteOptions, log_room, open_store
from backstory.storage.sqlite.database import SqliteDatabase
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

STEP = limits.LOG_EXTENSION_PAGES


@pytest.fixture
async def store(tmp_path):
    store = await open_store(tmp_path / "s.db", clock=FakeClock())
    yield store
    await store.aclose()


@pytest.fixture
def beside(store, tmp_path):
    """A connection as the checkpointer has one, and the path of the log."""
    options = SqliteOptions(tmp_path / "s.db")
    db = SqliteDatabase(options, busy_seconds=1)
    yield db, options.wal_path
    db.close()


async def test_room_is_added_behind_the_end(store, beside):
    db, path = beside
    await Scene(store, FakeClock()).put("chat")
    before = path.stat().st_size
    assert log_room.extend(db, path) >= STEP
    assert path.stat().st_size >= before + STEP * 4096


async def test_what_was_written_before_and_after_is_there_after_a_crash(store, beside, tmp_path):
    """A copy of the files while they are open is what a crash leaves behind."""
    db, path = beside
    scene = Scene(store, FakeClock())
    await scene.put("chat")
    await scene.append("chat", "before")
    log_room.extend(db, path)
    await scene.append("chat", "after")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("s.db", "s.db-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    again = await open_store(crashed / "s.db", clock=FakeClock())
    try:
        assert await Scene(again, FakeClock()).texts("chat") == ["before", "after"]
    finally:
        await again.aclose()


async def test_a_disk_that_is_nearly_full_is_left_alone(store, beside, monkeypatch):
    db, path = beside
    await Scene(store, FakeClock()).put("chat")
    before = path.stat().st_size
    monkeypatch.setattr(limits, "LOG_EXTENSION_DISK_BYTES", 1 << 62)
    assert log_room.extend(db, path) == log_room.ENOUGH
    assert path.stat().st_size == before


async def test_a_disk_that_takes_less_is_given_it_back(store, beside, monkeypatch):
    db, path = beside
    await Scene(store, FakeClock()).put("chat")
    before = path.stat().st_size
    monkeypatch.setattr(log_room.os, "pwrite", lambda *_: 4096)
    assert log_room.extend(db, path) == log_room.ENOUGH
    assert path.stat().st_size == before


async def test_the_store_asks_for_room_once_its_log_has_grown(store, monkeypatch):
    asked = threading.Event()

    def extend(db, path):
        asked.set()
        return log_room.ENOUGH

    monkeypatch.setattr(log_room, "extend", extend)
    scene = Scene(store, FakeClock())
    await scene.put("chat")
    for _ in range(limits.LOG_BEGIN_PAGES // 4):
        await scene.append("chat", "hello")
    assert asked.wait(30)
