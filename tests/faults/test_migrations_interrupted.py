"""Who brings a store to another schema and is killed in the middle leaves it as it was."""

import asyncio
import sys

import asyncpg
import pytest

from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

pytestmark = pytest.mark.faults
IN_FILE = """
import sys
from pathlib import Path
from backstory.storage.migrations import Migration
from backstory.storage.sqlite import SqliteOptions
from backstory.storage.sqlite.migrating import migrate, migrations
step = Migration(99, "half", sys.argv[2])
migrate(SqliteOptions(Path(sys.argv[1])), (*migrations(), step))
"""
ON_SERVER = """
import asyncio, sys
from backstory.storage.migrations import Migration
from backstory.storage.postgres.migrating import migrate, migrations
from backstory.storage.postgres.options import PostgresOptions
step = Migration(99, "half", sys.argv[2])
asyncio.run(migrate(PostgresOptions(sys.argv[1]), (*migrations(), step)))
"""
ENDLESS = """
CREATE TABLE half (x);
ALTER TABLE meta ADD COLUMN half INTEGER;
INSERT INTO half
WITH RECURSIVE n(x) AS (SELECT zeroblob(4000) UNION ALL SELECT x FROM n) SELECT x FROM n;
"""
HELD = "CREATE TABLE half (x INT); ALTER TABLE backstory ADD half INT; SELECT pg_advisory_lock(47)"


async def killed(code, *arguments, when):
    """The code in a process of its own, killed once it has come to a point."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments)
    try:
        async with asyncio.timeout(60):
            while not await when():
                assert process.returncode is None
                await asyncio.sleep(0.01)
    finally:
        process.kill()
        await process.wait()


async def test_a_file_is_as_it_was(tmp_path):
    options, clock = SqliteOptions(tmp_path / "s.db"), FakeClock()
    store = await open_store(options, clock=clock)
    await Scene(store, clock).put("chat", {"a": 1})
    await store.aclose()

    async def halfway():
        log = options.wal_path
        return log.exists() and log.stat().st_size > 1_000_000

    await killed(IN_FILE, str(options.path), ENDLESS, when=halfway)
    store = await open_store(options, clock=clock)
    assert await Scene(store, clock).state("chat") == {"a": 1}
    await store.aclose()
    assert not options.wal_path.exists()


async def test_a_database_is_as_it_was(postgres_url, postgres):
    store = await open_postgres(postgres_url)
    await Scene(store, FakeClock()).put("chat", {"a": 1})
    await store.aclose()
    holder, watcher = await asyncpg.connect(postgres_url), await asyncpg.connect(postgres_url)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    try:
        await holder.execute("SELECT pg_advisory_lock(47)")
        await killed(ON_SERVER, postgres_url, HELD, when=lambda: watcher.fetchval(waiting))
        await holder.execute("SELECT pg_advisory_unlock(47)")
        async with asyncio.timeout(60):  # its backend finds out that nobody is there any more
            while (
                await watcher.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                )
                > 2
            ):
                await watcher.execute("SELECT pg_sleep(0.01)")
        assert await watcher.fetchval("SELECT to_regclass('half')") is None
    finally:
        await holder.close()
        await watcher.close()
    store = await open_postgres(postgres_url)
    assert await Scene(store, FakeClock()).state("chat") == {"a": 1}
    await store.aclose()
