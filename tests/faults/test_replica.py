"""A standby gives bodies and never truth: one that is behind, away or of another life has none."""

import asyncio
import json
from contextlib import asynccontextmanager

import asyncpg
import pytest
from click.testing import CliRunner

import postgres_server
from backstory.caching.memory import MemoryCache
from backstory.caching.passing import PassingStore
from backstory.caching.store import CachedStore
from backstory.cli import main as cli
from backstory.limits import MIB
from backstory.ports.store import EntryQuery
from backstory.resilience.breaker import Breaker
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.replica import open_replica
from backstory.storage.postgres.store import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry, key
from clusters.standbys import standby_of
from postgres_server import PLAIN
from serving import serving

NEWEST = EntryQuery(limit=10, descending=True)
CHAT = key("users.1/chat")


class Primary(PassingStore):
    """Counts the bodies that are read from the store itself."""

    reads = 0

    async def view(self, tenant, key, at=None):
        self.reads += 1
        return await super().view(tenant, key, at)

    async def page(self, tenant, chain, query):
        self.reads += 1
        return await super().page(tenant, chain, query)


@pytest.fixture(scope="module")
def pair():
    """A primary, and a standby that does not hold its commits up."""
    with postgres_server.running() as primary:
        if primary is None:
            pytest.skip(postgres_server.MISSING)
        with asyncio.Runner() as runner:
            runner.run(primary.do(f"CREATE ROLE {PLAIN} LOGIN"))
            standing = standby_of(primary, synchronous=False)
            standby = runner.run(standing.__aenter__())
            yield primary, standby
            runner.run(standing.__aexit__(None, None, None))


@pytest.fixture
async def database(pair, request):
    """A database of the test's own, on both."""
    name = f"replica_{abs(hash(request.node.name)) % 10**8}"
    await pair[0].do(f"CREATE DATABASE {name} OWNER {PLAIN}")
    return name


@asynccontextmanager
async def reading(pair, database):
    """A store with a copy: what is read, the primary behind it, and a scene on it."""
    clock = FakeClock()
    primary = Primary(await open_store(pair[0].url(database, PLAIN), clock=clock))
    await caught_up(pair)
    options = PostgresOptions(pair[1].url(database, PLAIN))
    copies = await open_replica(options, primary.epoch, Breaker("replica"))
    cache = MemoryCache(64 * MIB)
    store = CachedStore(primary, cache, clock, shared=False, copies=copies)
    try:
        yield store, primary, Scene(store, clock)
    finally:
        await store.aclose()


async def caught_up(pair):
    """The standby has replayed all that was committed."""
    primary = await asyncpg.connect(pair[0].url())
    standby = await asyncpg.connect(pair[1].url())
    try:
        there = await primary.fetchval("SELECT pg_current_wal_flush_lsn()::text")
        behind = "SELECT pg_last_wal_replay_lsn() < $1::text::pg_lsn"
        while await standby.fetchval(behind, there):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    finally:
        await primary.close()
        await standby.close()


@asynccontextmanager
async def held_back(pair):
    """The standby replays nothing."""
    await pair[1].do("SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        await pair[1].do("SELECT pg_wal_replay_resume()")


async def test_bodies_come_from_the_standby_where_it_has_what_the_primary_told(pair, database):
    async with reading(pair, database) as (store, primary, scene):
        await scene.put("users.1/chat", {"n": 1})
        await scene.append("users.1/chat", entry("hello"))
        await caught_up(pair)
        view, page = await store.view_and_page(scene.tenant, CHAT, NEWEST)
        assert view.snapshot.state == b'{"n":1}'
        assert [each.content for each in page.entries] == [b'"hello"']
        assert primary.reads == 0


async def test_a_standby_that_is_behind_is_never_believed(pair, database):
    async with reading(pair, database) as (store, primary, scene):
        await scene.put("users.1/chat", {"n": 1})
        await scene.append("users.1/chat", entry("secret"))
        await caught_up(pair)
        async with held_back(pair):
            await scene.put("users.1/chat", {"n": 2})
            await scene.redact("users.1/chat", 1)
            view, page = await store.view_and_page(scene.tenant, CHAT, NEWEST)
            assert view.snapshot.state == b'{"n":2}'
            assert [each.type for each in page.entries] == ["redacted"]
            assert primary.reads == 2
            await scene.purge("users.1/chat")
            assert await store.view(scene.tenant, CHAT) is None


async def test_without_the_standby_all_goes_on(pair, database):
    clock = FakeClock()
    primary = Primary(await open_store(pair[0].url(database, PLAIN), clock=clock))
    nowhere = PostgresOptions(f"postgresql://backstory@127.0.0.1:1/{database}")
    copies = await open_replica(nowhere, primary.epoch, Breaker("replica"))
    store = CachedStore(primary, MemoryCache(MIB), clock, shared=False, copies=copies)
    scene = Scene(store, clock)
    for n in range(10):
        await scene.put(f"users.{n}/chat", {"n": n})
        assert await scene.state(f"users.{n}/chat") == {"n": n}
    assert primary.reads == 10
    await store.aclose()


async def test_a_standby_of_another_life_of_the_store_gives_nothing(pair, database):
    clock = FakeClock()
    primary = Primary(await open_store(pair[0].url(database, PLAIN), clock=clock))
    await caught_up(pair)
    options = PostgresOptions(pair[1].url(database, PLAIN))
    copies = await open_replica(options, "another", Breaker("replica"))
    store = CachedStore(primary, MemoryCache(MIB), clock, shared=False, copies=copies)
    scene = Scene(store, clock)
    await scene.put("users.1/chat", {"n": 1})
    await caught_up(pair)
    assert await scene.state("users.1/chat") == {"n": 1}
    assert primary.reads == 1
    await store.aclose()


async def test_a_server_tells_how_its_standby_fares(pair, database, tmp_path):
    await (await open_store(pair[0].url(database, PLAIN))).aclose()
    await caught_up(pair)
    await asyncio.to_thread(_serve, tmp_path, *(one.url(database, PLAIN) for one in pair))


def _serve(folder, store, replica):
    with serving(folder, "--replica", replica, store=store) as server, server.client() as http:
        path = "/v1/contexts/users.1/chat"
        assert http.put(path, json={"kind": "conversation"}).status_code == 201
        assert http.get(path).json()["version"] == 1
        assert http.get("/healthz").json()["checks"]["replica"]["status"] == "ok"
    asked = ["doctor", "--json", "--store", store, "--replica"]
    for given, status in ((replica, "ok"), ("postgresql://backstory@127.0.0.1:1/x", "warning")):
        found = json.loads(CliRunner().invoke(cli, [*asked, given]).output)["findings"]
        assert [one["status"] for one in found if one["name"] == "replica"] == [status]


@asynccontextmanager
async def receiving_nothing(pair):
    """The standby asks a primary that is not there; what it has replayed is all it has received."""
    connection = await asyncpg.connect(pair[1].url())
    before = await connection.fetchval("SELECT quote_literal(current_setting('primary_conninfo'))")
    try:
        for where in ("'host=127.0.0.1 port=1'", before):
            await connection.execute(f"ALTER SYSTEM SET primary_conninfo = {where}")
            await connection.execute("SELECT pg_reload_conf()")
            if where != before:
                yield
    finally:
        await connection.close()


async def test_a_standby_that_receives_nothing_is_not_taken_for_level(pair, database):
    """Whatever its user may see, which is little."""
    store = await open_store(pair[0].url(database, PLAIN))
    await store.aclose()
    await caught_up(pair)
    options = PostgresOptions(pair[1].url(database, PLAIN))
    copies = await open_replica(options, store.epoch, Breaker("replica"))
    try:
        assert await copies.lag() == 0
        async with receiving_nothing(pair), asyncio.timeout(60):
            while await copies.lag() == 0:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
    finally:
        await copies.aclose()
