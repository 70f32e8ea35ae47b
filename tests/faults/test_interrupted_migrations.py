"""`backstory migrate` that is killed in the middle of a step leaves the store as it was."""

import asyncio
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing, suppress

import apsw
import asyncpg
import pytest

from backstory.storage.migrations import Migration
from backstory.storage.postgres import migrating as postgres_migrating
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_server
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite import migrating as sqlite_migrating
from backstory.storage.sqlite.database import SqliteDatabase
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry
from serving import SECONDS, until

pytestmark = pytest.mark.faults

# The command as it is, with one step more than there are.
COMMAND = """
from backstory.cli import main
from backstory.storage.migrations import Migration
from backstory.storage.{kind} import migrating

known = migrating.migrations()
step = Migration(known[-1].number + 1, "long", {sql!r})
migrating.migrations = lambda: (*known, step)
main()
"""
FOR_EVER = "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)"


@asynccontextmanager
async def migrating(kind, url, sql):
    """The command, killed at the end as nothing can prevent."""
    script = COMMAND.format(kind=kind, sql=sql)
    command = [sys.executable, "-c", script, "migrate", "--store", url]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    try:
        yield
        assert process.returncode is None, "it has ended by itself"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        _, said = await process.communicate()
    assert process.returncode == -signal.SIGKILL, said


async def filled(store):
    scene = Scene(store, FakeClock())
    await scene.put("chat", {"n": 1})
    await scene.append("chat", entry("kept"))
    await store.aclose()


async def is_whole(store):
    """It is as it was, and takes what is written."""
    scene = Scene(store, FakeClock())
    await store.check()
    assert [one.content for one in await scene.entries("chat")] == [b'"kept"']
    await scene.append("chat", entry("more"))
    await store.aclose()


async def test_a_file_is_as_it_was(tmp_path):
    options = SqliteOptions(tmp_path / "s.db")
    await filled(await open_store(options))
    sql = f"CREATE TABLE half (x); UPDATE entries SET content = x'00'; {FOR_EVER}"
    with closing(SqliteDatabase(options, busy_seconds=0)) as db:
        before = db.value("SELECT applied FROM meta")
        async with migrating("sqlite", f"sqlite:///{options.path}", sql):
            await asyncio.to_thread(until, lambda: is_written(db), "the step")
        assert db.value("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == 0
        assert db.value("SELECT applied FROM meta") == before
    await is_whole(await open_store(options))
    done = sqlite_migrating.migrate(options, (*sqlite_migrating.migrations(), step(before)))
    assert done.applied == ("again",)


def step(before):
    return Migration(before + 1, "again", "CREATE TABLE half (x INTEGER)")


def is_written(db):
    """Whether somebody else is in the middle of writing."""
    try:
        db.connection.execute("BEGIN IMMEDIATE")
    except apsw.BusyError:
        return True
    db.connection.execute("ROLLBACK")
    return False


async def test_a_database_is_as_it_was_and_not_held_any_more(postgres_url):
    await filled(await open_server(postgres_url))
    sql = "CREATE TABLE half (x int); UPDATE entries SET content = ''; SELECT pg_sleep(3600)"
    connection = await asyncpg.connect(postgres_url)
    before = await connection.fetchval("SELECT applied FROM backstory")
    async with migrating("postgres", postgres_url, sql):
        await sleeping(connection, 1)
    await sleeping(connection, 0)  # the server has seen that nobody waits for it any more
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    assert await connection.fetchval("SELECT applied FROM backstory") == before
    await connection.close()
    await is_whole(await open_server(postgres_url))
    more = (*postgres_migrating.migrations(), step(before))
    done = await postgres_migrating.migrate(PostgresOptions(postgres_url), more)
    assert done.applied == ("again",)


ASLEEP = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event = 'PgSleep' AND datname = current_database()
"""


async def sleeping(connection, number):
    """Return when so many sessions are asleep in the step."""
    async with asyncio.timeout(SECONDS):
        while await connection.fetchval(ASLEEP) != number:
            await asyncio.to_thread(time.sleep, 0.02)
