"""A write-ahead log that somebody held back is short again once it has begun anew."""

import asyncio

import apsw
import pytest

from backstory import limits
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


@pytest.fixture
def small(monkeypatch):
    """The log begins anew after 40 pages, and more than 400 kB of it are too much."""
    monkeypatch.setattr(limits, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(limits, "RESTART_PAGES", 40)
    monkeypatch.setattr(limits, "WAL_ALARM_BYTES", 400_000)


async def test_what_a_long_reader_has_held_back_is_given_back_to_the_disk(small, tmp_path):
    options, clock = SqliteOptions(tmp_path / "s.db"), FakeClock()
    store = await open_store(options, clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    reader = apsw.Connection(str(options.path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN; SELECT count(*) FROM entries")
    while options.wal_path.stat().st_size < 1_500_000:
        await scene.append("chat", "x" * 20_000)
    reader.close()
    async with asyncio.timeout(60):
        while options.wal_path.stat().st_size > 400_000:
            await scene.append("chat", "y")
    await store.aclose()
