"""What an encrypted store lets nobody read, and what it does not take for its own."""

import asyncio
from pathlib import Path

import apsw
import pytest

from backstory.clock import SECOND
from backstory.encryption.masters import FileMaster
from backstory.errors import KeyUnusableError, StoreCorruptError
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.postgres.vault import PostgresVault
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry

MASTER, OTHER = (FileMaster(bytes([n]) * 32) for n in (1, 2))
CANARY = "canary"
WRITTEN = 8


def file_safe(folder, *masters, name="s.keys"):
    return Safe(lambda: SqliteVault(folder / name), masters or (MASTER,))


async def sqlite(folder, clock, safe=None, **more):
    return await open_sqlite(folder / "s.db", clock=clock, safe=safe or file_safe(folder), **more)


async def write_everywhere(scene):
    """A word in each place that may hold text, and twice where the past is kept."""
    await scene.put("chat", {"text": f"{CANARY}state1"})
    await scene.put("chat", {"text": f"{CANARY}state2 and {'more ' * 30}"})
    await scene.patch("chat", {"text": f"{CANARY}state3 and {'more ' * 30}"})
    await scene.append(
        "chat",
        entry(f"{CANARY}entry", f"{CANARY}-id", metadata={"k": f"{CANARY}metadata"}),
        entry(f"{CANARY}long " + "padded " * 400),
    )
    await scene.put_content("chat", f"{CANARY}content".encode())
    await scene.store.put_note("acme", "note", f"{CANARY}note".encode(), scene.clock.now() + SECOND)


async def reads_back(scene):
    assert await scene.state("chat", 1) == {"text": f"{CANARY}state1"}
    assert (await scene.state("chat", 2))["text"].startswith(f"{CANARY}state2")
    assert (await scene.state("chat"))["text"].startswith(f"{CANARY}state3")
    first, second = await scene.entries("chat")
    assert (first.id, first.metadata) == (f"{CANARY}-id", b'{"k":"canarymetadata"}')
    assert second.content.startswith(b'"canarylong padded')
    assert await scene.content("chat") == b"canarycontent"
    assert await scene.store.get_note("acme", "note") == b"canarynote"
    assert await scene.found(f"{CANARY}entry") == {"chat#1"}
    assert await scene.found(f"{CANARY}state3") == {"chat"}


async def test_no_text_is_in_the_files_of_an_encrypted_store(tmp_path):
    clock = FakeClock()
    store = await sqlite(tmp_path, clock)
    secret = store.secret
    scene = Scene(store, clock)
    await write_everywhere(scene)
    await reads_back(scene)
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert CANARY.encode() not in raw
    assert secret not in raw
    await store.aclose()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"users.1" in raw  # names stay readable
    assert CANARY.encode() not in raw
    store = await sqlite(tmp_path, clock)
    assert store.secret == secret
    await reads_back(Scene(store, clock))
    await store.aclose()


async def test_no_text_is_in_the_files_of_an_encrypted_database(postgres, postgres_url):
    clock = FakeClock()
    safe = Safe(lambda: PostgresVault(PostgresOptions(postgres_url)), [MASTER])
    store = await open_postgres(postgres_url, clock=clock, safe=safe)
    scene = Scene(store, clock)
    await write_everywhere(scene)
    await reads_back(scene)
    await store.aclose()
    await postgres.do("CHECKPOINT")
    # Short words lie in PostgreSQL's pages and log as they are.
    assert await asyncio.to_thread(files_with, postgres.data, CANARY.encode()) == []


def files_with(folder, word):
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return [path for path in files if word in path.read_bytes()]


async def test_a_store_is_not_opened_without_its_key_nor_with_another(tmp_path):
    clock = FakeClock()
    store = await sqlite(tmp_path, clock)
    await Scene(store, clock).put("chat", {"text": "tea"})
    await store.aclose()
    with pytest.raises(KeyUnusableError, match="master_key"):
        await open_sqlite(tmp_path / "s.db", clock=clock)
    with pytest.raises(KeyUnusableError, match=OTHER.name):
        await sqlite(tmp_path, clock, file_safe(tmp_path, OTHER))
    with pytest.raises(KeyUnusableError, match="another store"):
        await sqlite(tmp_path, clock, file_safe(tmp_path, name="others.keys"))


async def test_rows_that_take_anothers_place_are_refused(tmp_path):
    clock = FakeClock()
    scene = Scene(await sqlite(tmp_path, clock), clock)
    await scene.put("a", {"n": 1})
    await scene.put("b", {"n": 2})
    await scene.append("a", "one", "two")
    await scene.store.aclose()
    file = apsw.Connection(str(tmp_path / "s.db"))
    # What belongs elsewhere under the same key, and what was true before.
    file.execute("UPDATE states SET body = (SELECT body FROM states WHERE context = 2)")
    file.execute("UPDATE entries SET content = (SELECT content FROM entries WHERE id & 1 = 1)")
    file.close()
    scene = Scene(await sqlite(tmp_path, clock), clock)
    assert await scene.state("b") == {"n": 2}
    with pytest.raises(StoreCorruptError):
        await scene.state("a")
    await scene.store.aclose()


async def test_an_old_state_cannot_be_put_back(tmp_path):
    clock = FakeClock()
    scene = Scene(await sqlite(tmp_path, clock), clock)
    await scene.put("a", {"allowed": True})
    await scene.store.aclose()
    file = apsw.Connection(str(tmp_path / "s.db"))
    ((old,),) = file.execute("SELECT body FROM states")
    file.close()
    scene = Scene(await sqlite(tmp_path, clock), clock)
    await scene.put("a", {"allowed": False})
    await scene.store.aclose()
    file = apsw.Connection(str(tmp_path / "s.db"))
    file.execute("UPDATE states SET body = ?", (old,))
    file.close()
    scene = Scene(await sqlite(tmp_path, clock), clock)
    with pytest.raises(StoreCorruptError):
        await scene.state("a")
    await scene.store.aclose()


async def test_what_was_stored_before_encryption_is_found_and_read(tmp_path):
    clock = FakeClock()
    store = await open_sqlite(tmp_path / "s.db", clock=clock)
    await write_everywhere(Scene(store, clock))
    await store.aclose()
    scene = Scene(await sqlite(tmp_path, clock), clock)
    await reads_back(scene)
    again = await scene.append("chat", entry("other", f"{CANARY}-id"), entry("sealed", "new-id"))
    assert again.appended == 1
    assert await scene.found("sealed") == {"chat#3"}
    await scene.put("chat", {"text": "later"})
    await reads_back_past(scene)
    await scene.store.aclose()
    assert b'"sealed"' not in (tmp_path / "s.db").read_bytes()


async def reads_back_past(scene):
    versions = [await scene.state("chat", at) for at in (1, 3)]
    assert [state["text"][:12] for state in versions] == ["canarystate1", "canarystate3"]


async def test_two_processes_write_under_one_key(tmp_path):
    clock = FakeClock()
    one, two = [Scene(await sqlite(tmp_path, clock), clock) for _ in range(2)]
    await one.put("chat", {"n": 1})
    await two.append("chat", "from the other")
    await one.append("chat", "and back")
    assert await two.texts("chat") == await one.texts("chat") == ["from the other", "and back"]
    for scene in (one, two):
        await scene.store.aclose()
    vault = apsw.Connection(str(tmp_path / "s.keys"))
    assert vault.execute("SELECT tenant, subject FROM data_keys").fetchall() == [
        ("acme", "users.1")
    ]
    vault.close()


def test_only_the_owner_can_read_the_keys(tmp_path):
    SqliteVault(tmp_path / "new.keys").roots()
    assert Path(tmp_path / "new.keys").stat().st_mode & 0o077 == 0
