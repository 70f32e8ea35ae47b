"""A store of an earlier schema holds what is new once it was migrated, and keeps what it had."""

from contextlib import closing

import pytest

from backstory.domain.documents import Document
from backstory.errors import SchemaVersionError
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.migrating import migrate, migrations
from backstory.storage.sqlite.opening import APPLICATION_ID, SCHEMA_VERSION
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry


@pytest.fixture
def old(tmp_path):
    """An empty file as the first schema had it."""
    options = SqliteOptions(tmp_path / "old.db")
    db = SqliteDatabase(options, busy_seconds=1, create=True)
    db.value("PRAGMA journal_mode = WAL")
    db.connection.execute(migrations()[0].sql)
    db.run(QUERIES.begin_life, "epoch", bytes(32), 0, 1)
    db.run(f"PRAGMA application_id = {APPLICATION_ID}")
    db.run("PRAGMA user_version = 1")
    db.close()
    return options


async def test_content_can_be_put_into_a_store_that_was_migrated(old):
    with pytest.raises(SchemaVersionError):
        await open_store(old)
    assert "content" in migrate(old).applied
    clock = FakeClock()
    store = await open_store(old, clock=clock)
    scene = Scene(store, clock)
    await scene.put("doc", {"n": 1})
    await scene.put_content("doc", b"text")
    assert await scene.content("doc") == b"text"
    await store.aclose()


async def test_a_context_without_content_keeps_no_word_of_it_in_its_past(tmp_path):
    """Documents without content spend no byte on it."""
    clock = FakeClock()
    store = await open_store(tmp_path / "s.db", clock=clock)
    scene = Scene(store, clock)
    await scene.put("doc", {"n": 1})
    line, _, state = Document.of((await scene.view("doc")).snapshot).encode().partition(b"\n")
    assert line.count(b",") == 8
    assert state == b'{"n":1}'
    await store.aclose()


async def test_entries_of_before_have_no_tokens_and_later_ones_have(tmp_path):
    options, clock = SqliteOptions(tmp_path / "s.db"), FakeClock()
    store = await open_store(options, clock=clock)
    await Scene(store, clock).put("chat")
    await Scene(store, clock).append("chat", entry("old", tokens=1))
    await store.aclose()
    db = SqliteDatabase(options, busy_seconds=1)
    db.run("ALTER TABLE entries DROP COLUMN tokens")
    db.run("PRAGMA user_version = 4")
    db.close()
    assert migrate(options, migrations()[:5]).applied == ("tokens",)
    with closing(SqliteDatabase(options, busy_seconds=1)) as db:  # the later steps are done
        db.run(f"PRAGMA user_version = {SCHEMA_VERSION}")
    store = await open_store(options, clock=clock)
    await Scene(store, clock).append("chat", entry("new", tokens=2))
    found = await Scene(store, clock).entries("chat")
    assert [(one.content, one.tokens) for one in found] == [(b'"old"', None), (b'"new"', 2)]
    await store.aclose()


async def test_what_an_older_store_keeps_is_counted_by_its_migration(tmp_path):
    options, clock = SqliteOptions(tmp_path / "s.db"), FakeClock()
    store = await open_store(options, clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat", {"a": "tea " * 200})
    await scene.put("chat", {"a": 1})
    await scene.append("chat", entry("word " * 1000), entry("short"))
    await scene.put_content("chat", b"text" * 1000)
    counted = await store.usage("acme")
    await store.aclose()
    with closing(SqliteDatabase(options, busy_seconds=1)) as db:
        db.run("ALTER TABLE counters DROP COLUMN contexts")
        db.run("ALTER TABLE counters DROP COLUMN bytes")
        db.run("PRAGMA user_version = 8")
    assert migrate(options, migrations()[:9]).applied == ("usage",)
    with closing(SqliteDatabase(options, busy_seconds=1)) as db:  # the later steps are done
        db.run(f"PRAGMA user_version = {SCHEMA_VERSION}")
    store = await open_store(options, clock=clock)
    assert await store.usage("acme") == counted
    assert counted.contexts == 1
    await store.aclose()
