"""A backup is of one moment and whole, or refused; a restore changes nothing unless all is well."""

import asyncio
import shutil
import subprocess
from contextlib import contextmanager

import apsw
import pytest

import whole_stores
from backstory import limits
from backstory.errors import (
    BackupUnusableError,
    ConflictError,
    InvalidError,
    SchemaVersionError,
    StoreCorruptError,
    StoreFullError,
)
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.backups import ends, restoring, taking
from backstory.storage.sqlite.opening import SCHEMA_VERSION
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


def unheard(done, total):
    """Nobody watches."""


@pytest.fixture
def options(tmp_path):
    return SqliteOptions(tmp_path / "s.db")


@pytest.fixture
def target(tmp_path):
    """Where a backup goes."""
    return tmp_path / "s.bak"


@pytest.fixture
def place(tmp_path):
    """Where a store is restored."""
    return SqliteOptions(tmp_path / "new" / "s.db")


def back_up(options, target, told=unheard):
    return taking.take(options, target, FakeClock(), told, listed=False)


def restore(source, place, told=unheard, **more):
    return restoring.restore(source, place, FakeClock(), told, **more)


@contextmanager
def nothing_changed(place):
    """Neither a file more nor a byte else beside the place."""

    def seen():
        parent = place.path.parent
        files = parent.rglob("*") if parent.exists() else ()
        return {one: one.read_bytes() for one in files if one.is_file() and one.suffix != ".lock"}

    before = seen()
    yield
    assert seen() == before


async def opened(options, clock=None):
    clock = clock or FakeClock()
    return Scene(await open_store(options, clock=clock), clock)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a store that has a past, and its backup; and what it tells."""
    options = SqliteOptions(tmp_path_factory.mktemp("made") / "s.db")

    async def make():
        scene = await opened(options)
        await whole_stores.fill(scene)
        told = await whole_stores.told(scene)
        await scene.store.aclose()
        return told

    told = asyncio.run(make())
    back_up(options, options.path.with_name("s.bak"))
    return options.path.parent, told


@pytest.fixture
def filled(made, options):
    """A store with a past, closed; gives what it tells."""
    folder, told = made
    shutil.copy(folder / "s.db", options.path)
    return told


@pytest.fixture
def backup(made, filled, target):
    """A backup of it."""
    folder, _ = made
    return shutil.copy(folder / "s.bak", target)


async def test_a_restored_store_tells_all_that_the_other_did_in_another_epoch(
    backup, place, options, filled
):
    done = restore(backup, place)
    assert done.backup.epoch == done.epochs.before != done.epochs.after
    scene = await opened(place)
    assert await whole_stores.told(scene) == filled
    assert (scene.store.epoch, scene.store.first_epoch) == (done.epochs.after, False)
    await scene.store.aclose()
    scene = await opened(options)
    assert (scene.store.epoch, scene.store.first_epoch) == (done.epochs.before, True)
    await scene.store.aclose()


async def test_a_backup_is_of_the_moment_at_which_it_began(options, target, place, monkeypatch):
    """Whatever is committed while it is taken is not in it, and loses nothing."""
    monkeypatch.setattr(limits, "BACKUP_PIECE_BYTES", 4 * 4096)
    scene = await opened(options)
    await whole_stores.fill(scene)
    before, loop, pieces = await whole_stores.told(scene), asyncio.get_running_loop(), []

    def write(done, total):
        pieces.append(done)
        said = scene.append("chat", f"meanwhile {done}")
        asyncio.run_coroutine_threadsafe(said, loop).result(60)

    await asyncio.to_thread(back_up, options, target, write)
    assert len(pieces) > 10
    assert await scene.texts("chat") == [
        *(said for said in ["one swordfish", "two", "five"]),
        *(f"meanwhile {done}" for done in pieces),
    ]
    await scene.store.aclose()
    restore(target, place)
    scene = await opened(place)
    assert await whole_stores.told(scene) == before
    await scene.store.aclose()


async def test_a_backup_is_a_database_that_any_sqlite_reads(backup):
    before = backup.read_bytes()
    connection = apsw.Connection(str(backup), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert backup.read_bytes() == before
    assert backup.stat().st_mode & 0o777 == 0o600


async def test_a_backup_takes_the_place_of_nothing(options, backup):
    before = backup.read_bytes()
    with pytest.raises(ConflictError, match="is there already"):
        back_up(options, backup)
    assert backup.read_bytes() == before
    with pytest.raises(InvalidError, match="there is no folder"):
        back_up(options, backup.parent / "none" / "s.bak")


async def test_one_at_a_time_makes_a_backup_and_one_that_was_killed_is_in_nobodys_way(
    options, filled, target
):
    def another(done, total):
        with pytest.raises(ConflictError, match="another process is writing"):
            back_up(options, target)

    left = target.with_name(f"{target.name}.part")
    left.mkdir()
    (left / "pages.db").write_bytes(b"left by somebody who was killed")
    back_up(options, target, another)
    assert not left.exists()
    restoring.check(target, unheard)


async def test_who_stops_a_backup_leaves_nothing(options, filled, target):
    def stop(done, total):
        raise KeyboardInterrupt

    with nothing_changed(options), pytest.raises(KeyboardInterrupt):
        back_up(options, target, stop)
    assert not [one for one in target.parent.iterdir() if one.name.startswith(target.name)]


async def test_a_damaged_store_gives_no_backup(options, filled, target):
    with options.path.open("r+b") as file:
        for page in range(8, 16):
            file.seek(4096 * page)
            file.write(b"\xff" * 4096)
    with pytest.raises(StoreCorruptError):
        back_up(options, target)
    assert not target.exists()


@pytest.mark.parametrize("left", [0, 10, 4096, 100_000, -4096, -4095, -1])
async def test_a_backup_that_was_cut_short_is_refused(backup, place, left):
    size = backup.stat().st_size
    backup.write_bytes(backup.read_bytes()[: left if left >= 0 else size + left])
    await refuse(backup, place)


@pytest.mark.parametrize("at", [30, 5000, -5000, -4090, -4060, -3990, -3])
async def test_a_backup_that_was_altered_is_refused(backup, place, at):
    """In its pages, in its last one, or in what it says of itself."""
    whole = bytearray(backup.read_bytes())
    whole[at] ^= 0x01
    backup.write_bytes(whole)
    await refuse(backup, place)


@pytest.mark.parametrize("what", ["store", "text", "longer"])
async def test_what_is_no_backup_is_refused(backup, options, place, what):
    if what == "store":
        shutil.copy(options.path, backup)
    elif what == "text":
        backup.write_text("Dear diary, " * 1000)
    else:
        backup.write_bytes(backup.read_bytes() + b"\0")
    await refuse(backup, place)


async def refuse(backup, place):
    with pytest.raises(BackupUnusableError):
        restoring.check(backup, unheard)
    with nothing_changed(place), pytest.raises(BackupUnusableError):
        restore(backup, place)


async def test_a_backup_that_is_not_there_is_told_of(place, tmp_path):
    with pytest.raises(InvalidError, match="cannot be read"):
        restore(tmp_path / "none.bak", place)


async def test_a_store_that_is_there_stays_unless_it_is_to_be_replaced(backup, options, filled):
    scene = await opened(options)
    await scene.append("chat", "after the backup")
    await scene.store.aclose()
    with nothing_changed(options), pytest.raises(ConflictError, match="--replace"):
        restore(backup, options)
    done = restore(backup, options, replace=True)
    scene = await opened(options)
    assert await whole_stores.told(scene) == filled
    await scene.store.aclose()
    scene = await opened(SqliteOptions(done.aside))
    assert "after the backup" in await scene.texts("chat")
    await scene.store.aclose()


async def test_what_a_crash_left_in_the_log_goes_aside_with_the_store(backup, options, tmp_path):
    """And is not taken for the log of what is restored."""
    scene = await opened(options)
    await scene.append("chat", "in the log only")
    for file in (options.path, options.wal_path):
        shutil.copy(file, tmp_path / f"crashed{file.name.removeprefix('s.db')}")
    await scene.store.aclose()
    crashed = SqliteOptions(tmp_path / "crashed")
    assert crashed.wal_path.stat().st_size
    done = restore(backup, crashed, replace=True)
    assert not crashed.wal_path.exists()
    scene = await opened(crashed)
    assert "in the log only" not in await scene.texts("chat")
    await scene.store.aclose()
    scene = await opened(SqliteOptions(done.aside))
    assert "in the log only" in await scene.texts("chat")
    await scene.store.aclose()


async def test_a_log_that_was_left_alone_is_something_too(backup, place):
    place.path.parent.mkdir()
    place.wal_path.write_bytes(b"left of another store")
    with nothing_changed(place), pytest.raises(ConflictError, match="-wal"):
        restore(backup, place)


async def test_a_store_that_is_damaged_can_be_replaced(backup, options, filled):
    options.path.write_bytes(b"no database any more" * 1000)
    restore(backup, options, replace=True)
    scene = await opened(options)
    assert await whole_stores.told(scene) == filled
    await scene.store.aclose()


def with_end(path, target, **changed):
    """A backup of a file as another release would have made it."""
    shutil.copy(path, target)
    size = target.stat().st_size
    about = {
        "release": "0.0.1",
        "taken_at": "2026-01-01T00:00:00Z",
        "epoch": "before",
        "schema_version": SCHEMA_VERSION,
        "bytes": size,
        "sha256": ends.digest(target, size, unheard),
        "encrypted": False,
        "erasures": 0,
        "listed": False,
    }
    with target.open("r+b") as file:
        ends.append(file, ends.Backup(**(about | changed)))


async def test_a_backup_of_an_earlier_release_is_brought_to_this_ones_schema(
    target, place, first_schema
):
    with_end(first_schema, target, schema_version=1)
    done = restore(target, place)
    assert (done.migrated.before, done.migrated.after) == (1, SCHEMA_VERSION)
    scene = await opened(place)
    await scene.put("chat")
    await scene.store.aclose()


async def test_a_backup_of_a_later_release_is_refused(target, place, options, filled):
    with_end(options.path, target, schema_version=SCHEMA_VERSION + 1)
    with nothing_changed(place), pytest.raises(SchemaVersionError):
        restore(target, place)


@pytest.fixture
def first_schema(tmp_path):
    """A store as the first release made it."""
    from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
    from backstory.storage.sqlite.migrating import migrations
    from backstory.storage.sqlite.opening import APPLICATION_ID

    path = tmp_path / "first.db"
    db = SqliteDatabase(SqliteOptions(path), busy_seconds=1, create=True)
    db.connection.execute(migrations()[0].sql)
    db.run(QUERIES.begin_life, "epoch", bytes(32), 0, 1)
    db.run(f"PRAGMA application_id = {APPLICATION_ID}")
    db.run("PRAGMA user_version = 1")
    db.close()
    return path


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 2 MB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_full_disk_leaves_nothing_there(backup, options, small_disk, when, monkeypatch):
    """Told before where it can be known, and as soon as it shows where not."""
    monkeypatch.setattr(limits, "BACKUP_PIECE_BYTES", 4096)

    def filling(done, total):
        with (small_disk / "ballast").open("wb", buffering=0) as file:
            while shutil.disk_usage(small_disk).free:
                file.write(bytes(4096))

    if when == "before":
        await asyncio.to_thread(filling, 0, 0)
    told = filling if when == "meanwhile" else unheard
    for call in (
        lambda: back_up(options, small_disk / "s.bak", told),
        lambda: restore(backup, SqliteOptions(small_disk / "s.db"), told),
    ):
        with pytest.raises(StoreFullError, match="free some room"):
            await asyncio.to_thread(call)
        assert {one.name for one in small_disk.iterdir()} <= {"ballast", "s.db.lock"}
        if when == "meanwhile":
            (small_disk / "ballast").unlink()
