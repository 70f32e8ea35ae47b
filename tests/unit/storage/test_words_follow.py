"""The words of entries follow the change log: nobody waits for them, and nobody misses them."""

import shutil

import apsw
import pytest

from backstory import limits
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


@pytest.fixture(autouse=True)
def never_idle(monkeypatch):
    """The index follows when it is asked to, or is too far behind."""
    monkeypatch.setattr(limits, "FOLLOW_SECONDS", 3600)


@pytest.fixture
async def scene(tmp_path):
    store = await open_store(tmp_path / "s.db", clock=FakeClock())
    yield Scene(store, FakeClock())
    await store.aclose()


def behind(path):
    """How many changes the index has not followed."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("SELECT position - indexed FROM counters").fetchall()[0][0]
    finally:
        connection.close()


def indexed(path, word):
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        asked = "SELECT count(*) FROM entry_words WHERE entry_words MATCH ?"
        return connection.execute(asked, (word,)).fetchall()[0][0]
    finally:
        connection.close()


async def test_an_append_leaves_its_words_for_later(scene, tmp_path):
    await scene.put("chat")
    await scene.append("chat", "heron")
    assert behind(tmp_path / "s.db") == 1
    assert indexed(tmp_path / "s.db", "heron") == 0


async def test_who_searches_finds_what_was_just_said(scene, tmp_path):
    await scene.put("chat")
    await scene.append("chat", "heron")
    assert await scene.found("heron") == {"chat#1"}
    assert behind(tmp_path / "s.db") == 0


async def test_another_process_finds_it_too(scene, tmp_path):
    await scene.put("chat")
    await scene.append("chat", "heron")
    other = await open_store(tmp_path / "s.db", clock=FakeClock())
    try:
        await scene.append("chat", "egret")
        beside = Scene(other, FakeClock())
        assert await beside.found("egret") == {"chat#2"}
        assert await beside.found("heron") == {"chat#1"}
    finally:
        await other.aclose()


async def test_nothing_is_indexed_twice(scene, tmp_path):
    await scene.put("chat")
    other = await open_store(tmp_path / "s.db", clock=FakeClock())
    try:
        beside = Scene(other, FakeClock())
        for store in (scene, beside, scene, beside):
            await store.append("chat", "heron")
            await store.found("heron")
        assert indexed(tmp_path / "s.db", "heron") == 4
        for seq in (1, 2, 3, 4):
            await scene.redact("chat", seq)
        assert indexed(tmp_path / "s.db", "heron") == 0
    finally:
        await other.aclose()


async def test_it_follows_once_it_is_too_far_behind(scene, tmp_path):
    await scene.put("chat")
    for number in range(limits.FOLLOW_COMMITS + 1):
        await scene.append("chat", f"text {number}")
    assert behind(tmp_path / "s.db") < limits.FOLLOW_COMMITS


async def test_what_a_crash_left_behind_is_found_after_the_next_start(scene, tmp_path):
    """A copy of the files while they are open is what a crash leaves."""
    await scene.put("chat")
    await scene.append("chat", "heron")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("s.db", "s.db-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    assert indexed(crashed / "s.db", "heron") == 0
    again = await open_store(crashed / "s.db", clock=FakeClock())
    try:
        assert await Scene(again, FakeClock()).found("heron") == {"chat#1"}
    finally:
        await again.aclose()


async def test_a_store_that_closes_leaves_nothing_behind(tmp_path):
    store = await open_store(tmp_path / "s.db", clock=FakeClock())
    scene = Scene(store, FakeClock())
    await scene.put("chat")
    await scene.append("chat", "heron")
    await store.aclose()
    assert indexed(tmp_path / "s.db", "heron") == 1


@pytest.mark.parametrize("erase", ["redact", "purge"])
async def test_what_is_erased_before_it_was_indexed_is_never_found(scene, tmp_path, erase):
    await scene.put("chat")
    await scene.append("chat", "heron")
    await (scene.redact("chat", 1) if erase == "redact" else scene.purge("chat"))
    assert await scene.found("heron") == set()
    assert indexed(tmp_path / "s.db", "heron") == 0


async def test_a_store_whose_search_was_off_finds_everything_once_it_is_on(tmp_path):
    for search in (True, False, True):
        store = await open_store(tmp_path / "s.db", clock=FakeClock(), search=search)
        scene = Scene(store, FakeClock())
        await scene.put(f"chat-{search}")
        await scene.append(f"chat-{search}", "heron")
        if search:
            found = await scene.found("heron")
        await store.aclose()
    assert found == {"chat-True#1", "chat-False#1", "chat-True#2"}
