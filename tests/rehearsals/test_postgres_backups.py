"""A store in PostgreSQL is lost and had back: from a dump, as of a moment, and from its standby.

Somebody writes all the time. What was acknowledged before the moment that counts is there again, in order
and without gaps; what is there is whole; it is another epoch. The steps are those of
docs/how-to/postgresql-backups.md.
"""

import asyncio
import os
from contextlib import asynccontextmanager

import asyncpg
import pytest
from click.testing import CliRunner

import postgres_server
import whole_stores
from backstory.cli import main
from backstory.storage.postgres.store import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import ANNA, Scene
from clusters.standbys import standby_of, succeed
from postgres_server import PLAIN, copied_from

DUMP = ("pg_dump", "--enable-row-security", "--format", "custom")
KEYS = "backstory_keys"
RESTORE = ("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner")


@pytest.fixture
async def primary():
    """A server with a store, which keeps its write-ahead log in a folder."""
    ready = postgres_server.running(archive_mode="on", wal_level="replica")
    server = await asyncio.to_thread(ready.__enter__)
    try:
        if server is None:
            pytest.skip(postgres_server.MISSING)
        (server.folder / "kept").mkdir()
        os.chown(server.folder / "kept", *server.user)
        await server.do(
            f"ALTER SYSTEM SET archive_command = 'cp %p {server.folder}/kept/%f'",
            "SELECT pg_reload_conf()",
            f"CREATE ROLE {PLAIN} LOGIN",
            f"CREATE DATABASE one OWNER {PLAIN}",
        )
        yield server
    finally:
        await asyncio.to_thread(ready.__exit__, None, None, None)


@asynccontextmanager
async def opened(server, database="one"):
    store = await open_store(server.url(database, PLAIN))
    try:
        yield Scene(store, FakeClock())
    finally:
        await store.aclose()


class Writer:
    """Appends to one conversation all the time, and remembers what was acknowledged."""

    def __init__(self, scene):
        self.scene, self.acknowledged, self._ended = scene, 0, False

    async def begin(self):
        await self.scene.put("log")
        self._some = asyncio.Condition()
        self._task = asyncio.create_task(self._run())
        await self.more(20)

    async def _run(self):
        while not self._ended:
            await self.scene.append("log", str(self.acknowledged + 1))
            async with self._some:
                self.acknowledged += 1
                self._some.notify_all()

    async def more(self, count):
        """Wait until so many more were acknowledged."""
        wanted = self.acknowledged + count
        async with asyncio.timeout(60), self._some:
            await self._some.wait_for(lambda: self.acknowledged >= wanted)

    async def end(self):
        self._ended = True
        await asyncio.wait_for(self._task, 60)


def command(*arguments):
    done = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def dumped_keys(primary):
    """A dump of the keys and the list of erasures."""
    keys = primary.folder / "keys.dump"
    url = primary.url("one", PLAIN)
    primary.run(*DUMP, "--schema", KEYS, "--file", keys, "--dbname", url)
    return keys


async def is_whole(server, database, least, most):
    """In another epoch, with all that was acknowledged, in order, and nothing from after."""
    url = server.url(database, PLAIN)
    said = await asyncio.to_thread(command, "migrate", "--new-epoch", "--store", url)
    assert "has begun" in said
    assert "all whole" in await asyncio.to_thread(command, "scrub", "--store", url)
    async with opened(server, database) as scene:
        assert not scene.store.first_epoch
        texts = await scene.texts("log")
        assert texts == [str(number + 1) for number in range(len(texts))]
        assert least <= len(texts) <= most
        assert await scene.seqs("log") == list(range(1, len(texts) + 1))
        await scene.append("log", "written in the new epoch")


async def test_a_dump_is_restored_and_who_was_erased_since_is_not_back(primary):
    url, data = primary.url("one", PLAIN), primary.folder / "data.dump"
    async with opened(primary) as scene:
        await whole_stores.fill(scene)
        before = await whole_stores.told(scene)
        writer = Writer(scene)
        await writer.begin()
        least = writer.acknowledged
        apart = ("--exclude-schema", KEYS, "--file", data)
        with pytest.raises(AssertionError, match="row-level security"):
            await asyncio.to_thread(primary.run, "pg_dump", "--dbname", url, "--file", data)
        with pytest.raises(AssertionError, match=r"backstory\.tenant"):
            await asyncio.to_thread(primary.run, *DUMP, *apart, "--dbname", url)
        all_of_it = primary.url("one", PLAIN, options="-c%20backstory.tenant%3D*")
        await asyncio.to_thread(primary.run, *DUMP, *apart, "--dbname", all_of_it)
        most = writer.acknowledged + 1
        await writer.end()
        await scene.store.erase("acme", "users.9", ANNA)
        keys = await asyncio.to_thread(dumped_keys, primary)
    await primary.do(f"CREATE DATABASE two OWNER {PLAIN} TEMPLATE template0")
    for dump in (data, keys):
        into = primary.url("two", PLAIN)
        await asyncio.to_thread(primary.run, *RESTORE, "--dbname", into, dump)
    await is_whole(primary, "two", least, most)
    async with opened(primary, "two") as scene:
        assert await scene.store.view("acme", whole_stores.ERASED) is None
        after = await whole_stores.told(scene, ("chat", "fork", "doc", "gone", "again"))
        assert len(after.pop("purged")) > len(before["purged"])
        assert after == {name: before[name] for name in after}


async def test_a_store_is_had_back_as_it_was_before_a_mistake(primary):
    ready = copied_from(primary)
    async with opened(primary) as scene:
        await whole_stores.fill(scene)
        writer = Writer(scene)
        await writer.begin()
        base = await asyncio.to_thread(ready.__enter__)
        await writer.more(20)
        least = writer.acknowledged
        await primary.do("SELECT pg_create_restore_point('before_the_mistake')")
        most = writer.acknowledged + 1
        await writer.more(20)
        await scene.purge("doc")
        await scene.store.erase("acme", "users.9", ANNA)
        await writer.end()
    try:
        await kept(primary)
        keys = await asyncio.to_thread(dumped_keys, primary)
        await asyncio.to_thread(primary.stop, "immediate")
        await asyncio.to_thread(recover, base, primary.folder / "kept")
        await writable(base)
        await base.do(f"DROP SCHEMA IF EXISTS {KEYS} CASCADE", database="one")
        await asyncio.to_thread(base.run, *RESTORE, "--dbname", base.url("one", PLAIN), keys)
        await is_whole(base, "one", least, most)
        async with opened(base) as scene:
            assert await scene.content("doc") == b"second text " * 20_000
            assert await scene.store.view("acme", whole_stores.ERASED) is None
    finally:
        await asyncio.to_thread(ready.__exit__, None, None, None)


async def kept(primary):
    """Wait until all of the log so far is in the folder."""
    connection = await asyncpg.connect(primary.url())
    try:
        name = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        async with asyncio.timeout(60):
            while not (primary.folder / "kept" / name).exists():
                await connection.execute("SELECT pg_sleep(0.01)")
    finally:
        await connection.close()


def recover(base, log):
    settings = base.folder / "data" / "postgresql.auto.conf"
    with settings.open("a") as file:
        file.write(f"restore_command = 'cp {log}/%f %p'\n")
        file.write("recovery_target_name = 'before_the_mistake'\n")
        file.write("recovery_target_action = 'promote'\n")
    signal = base.folder / "data" / "recovery.signal"
    signal.touch()
    os.chown(signal, *base.user)
    base.start()


async def writable(server):
    connection = await asyncpg.connect(server.url())
    try:
        async with asyncio.timeout(60):
            while await connection.fetchval("SELECT pg_is_in_recovery()"):
                await connection.execute("SELECT pg_sleep(0.01)")
    finally:
        await connection.close()


async def test_a_standby_takes_the_place_of_a_primary_that_is_gone(primary):
    async with standby_of(primary) as standby:
        async with opened(primary) as scene:
            await whole_stores.fill(scene)
            before = await whole_stores.told(scene)
            writer = Writer(scene)
            await writer.begin()
            await writer.end()
        await succeed(primary, standby)
        await is_whole(standby, "one", writer.acknowledged, writer.acknowledged)
        async with opened(standby) as scene:
            assert await whole_stores.told(scene) == before
