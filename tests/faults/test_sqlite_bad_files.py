"""A file that cannot be used is refused at once, with a sentence that helps."""

import asyncio
import os
import stat

import apsw
import pytest

from backstory.errors import (
    SchemaVersionError,
    StoreCorruptError,
    StoreFullError,
    StoreUnavailableError,
)
from backstory.ports.store import ChangeQuery
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.lock import FileLock
from backstory.testing import FakeClock
from backstory.testing.faults import FaultyDisk
from backstory.testing.scene import ALL, Scene


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s.db"


@pytest.fixture
async def filled(path):
    """A sound file with something in it, closed."""
    store = await open_store(path, clock=FakeClock())
    scene = Scene(store, FakeClock())
    await scene.put("chat", {"text": "x" * 5000})
    await scene.append("chat", *(f"text {n} {'y' * 500}" for n in range(100)))
    await store.aclose()
    return path


async def refused(path, **options):
    store = await open_store(SqliteOptions(path, **options))
    await store.aclose()
    pytest.fail("the file was accepted")


async def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(StoreCorruptError, match="no database"):
        await refused(path)
    assert path.read_bytes().startswith(b"Dear diary")


async def test_a_stranger_s_database_is_refused_and_left_alone(path):
    stranger = apsw.Connection(str(path))
    stranger.execute("CREATE TABLE theirs (x)")
    stranger.close()
    with pytest.raises(StoreCorruptError, match="not one of Backstory's"):
        await refused(path)
    stranger = apsw.Connection(str(path))
    assert stranger.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    stranger.close()


@pytest.mark.parametrize("version", [0, 99])
async def test_a_wrong_schema_version_names_the_command(filled, version):
    connection = apsw.Connection(str(filled))
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(SchemaVersionError, match="backstory migrate"):
        await refused(filled)


async def test_a_truncated_file_is_refused(filled):
    size = filled.stat().st_size
    os.truncate(filled, size // 2 // 4096 * 4096)
    with pytest.raises(StoreCorruptError):
        await refused(filled)


async def test_a_damaged_page_is_found_at_the_start(filled):
    with filled.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\x55" * 4096 * 8)
    with pytest.raises(StoreCorruptError):
        await refused(filled)


async def test_damage_while_running_is_told_as_such(path):
    clock = FakeClock()
    store = await open_store(path, clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    await scene.append("chat", *(f"{n} {'y' * 500}" for n in range(200)))
    await store.aclose()
    store = await open_store(path, clock=clock)
    scene = Scene(store, clock)
    with path.open("r+b") as file:
        pages = path.stat().st_size // 4096
        file.seek(4096)
        file.write(b"\xff" * 4096 * (pages - 1))
    with pytest.raises(StoreCorruptError):
        await scene.append("chat", "more")
    with pytest.raises(StoreCorruptError):
        await store.changes("acme", ChangeQuery(ALL, 0))
    await store.aclose()


async def test_a_file_locked_by_another_writer_is_unavailable_after_a_bound(filled):
    """By one that takes its turn at our lock, and by one that goes past it."""
    clock = FakeClock()
    store = await open_store(SqliteOptions(filled, lock_seconds=0.05), clock=clock)
    scene = Scene(store, clock)
    lock = FileLock(SqliteOptions(filled).lock_path, 1)
    with lock, pytest.raises(StoreUnavailableError, match="another process"):
        await scene.append("chat", "one")
    lock.close()
    other = apsw.Connection(str(filled))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="locked"):
        await scene.append("chat", "two")
    assert len(await scene.texts("chat")) == 100
    other.execute("ROLLBACK")
    other.close()
    assert (await scene.append("chat", "three")).seqs == (101,)
    await store.aclose()


async def test_a_lock_that_was_waited_for_in_vain_is_not_kept(filled):
    options = SqliteOptions(filled, lock_seconds=0.05)
    first, second, third = (FileLock(options.lock_path, 0.05) for _ in range(3))
    with first, pytest.raises(StoreUnavailableError):
        second.__enter__()
    patient = FileLock(options.lock_path, 30)
    for lock in (third, patient, second):
        with lock:
            pass
        lock.close()
    first.close()


async def test_a_file_locked_as_a_whole_stops_the_start_after_a_bound(filled):
    other = apsw.Connection(str(filled))
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE; DELETE FROM notes; COMMIT")
    with pytest.raises(StoreUnavailableError):
        await refused(filled, lock_seconds=0.05)
    other.close()


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError):
        await refused(tmp_path / "file" / "s.db")


async def test_a_read_only_file_is_refused_at_the_start(filled):
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    filled.chmod(0o400)
    with pytest.raises(StoreUnavailableError, match="cannot be written"):
        await refused(filled)


async def test_nobody_else_may_read_the_files(filled):
    store = await open_store(filled)
    await Scene(store, FakeClock()).put("more")
    for file in filled.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    await store.aclose()


async def test_a_full_disk_fails_the_write_and_nothing_is_half_there(path):
    disk, clock = FaultyDisk(), FakeClock()
    store = await open_store(SqliteOptions(path, vfs=disk.name), clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    with disk.full():
        answers = await asyncio.gather(
            *(scene.append("chat", f"lost {n}") for n in range(20)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {StoreFullError}
        assert await scene.texts("chat") == []
        with pytest.raises(StoreFullError):
            await scene.put("other")
    assert (await scene.append("chat", "kept")).seqs == (1,)
    assert [change.version for change in await scene.versions("chat")] == [1, 2]
    await store.aclose()
    store = await open_store(path, clock=clock)
    assert await Scene(store, clock).texts("chat") == ["kept"]
    await store.aclose()
