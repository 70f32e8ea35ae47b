"""The second wall, for each statement there is: whose rows it is about is said, or it is refused."""

import re

import asyncpg
import orjson
import pytest

import backstory.storage.postgres as package
from backstory.domain.commits import Append, Idempotency
from backstory.domain.kinds import CONVERSATION
from backstory.ports.store import EntryQuery, HeadQuery, OutlineQuery
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store
from backstory.storage.postgres.walls import EVERYBODY, is_walled, said, said_of_several, several
from backstory.storage.queries import Queries
from backstory.storage.tables.database import Database
from backstory.testing import FakeClock
from backstory.testing.scene import ALL, HOLDER, Scene, entry, key, summary

TENANTS = ("acme", "other")
FILES = ("queries.sql", "content.sql", "audit.sql", "scrub.sql", "whole.sql")
ABOUT_A_TENANT = re.compile(r"\btenant\s*(?:=|IN)")
BODY = b"".join(b"word%d " % number for number in range(40_000))


@pytest.fixture
async def store(postgres_url):
    store = await open_store(PostgresOptions(postgres_url), clock=FakeClock())
    yield store
    await store.aclose()


@pytest.fixture
async def connection(postgres_url):
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
def asked(monkeypatch):
    """What the store reads, with its parameters and what it found."""
    asked, fetch = [], asyncpg.Connection.fetch

    async def noted(self, sql, *params, **more):
        found = await fetch(self, sql, *params, **more)
        asked.append((sql, params, len(found)))
        return found

    monkeypatch.setattr(asyncpg.Connection, "fetch", noted)
    return asked


async def write(store, tenant):
    scene = Scene(store, store._clock, tenant)
    for name in ("chat", "gone"):
        await scene.put(name, {"tea": "green"}, labels=("x",))
        for number in range(4):
            await scene.append(name, entry(f"tea {number}", f"id {number}"))
    await scene.append("chat", summary("tea", 1, 2))
    await scene.put("chat", {"tea": "black"}, labels=("x",))
    await scene.fork("chat", "fork", at=4)
    await scene.append("fork", "goes on")
    await scene.redact("chat", 2)
    await scene.put("doc")
    await scene.put_content("doc", BODY)
    await scene.put_content("doc", BODY[1:])
    await scene.purge("gone")
    retried = Idempotency(b"k" * 16, b"r")
    await scene.do(Append(key("chat"), (entry("late"),)), idempotency=retried)
    await store.put_note(tenant, "n", b"1", store._clock.now() + 10**9)
    await store.keep_act(tenant, 1, b"did")
    return scene, retried


async def read(store, tenant, retried):
    """Whatever may be asked of a tenant."""
    scene = Scene(store, store._clock, tenant)
    for name in ("chat", "fork", "doc"):
        await scene.view(name)
        await scene.entries(name, 4 if name == "chat" else None)
        await scene.versions(name)
        await scene.content(name)
    chain = (await scene.view("chat")).chain
    await store.page(tenant, chain, EntryQuery(limit=3, descending=True))
    await store.outline(tenant, chain, OutlineQuery(limit=10, max_tokens=1000))
    await scene.summaries("chat")
    await scene.changes()
    await scene.found("tea")
    await store.heads(tenant, HeadQuery(ALL, limit=10))
    await store.heads(tenant, HeadQuery(ALL, limit=10, label="x", kind=CONVERSATION))
    await store.redactions(tenant, key("chat"), 0, 100)
    await store.origin(tenant, 1)
    await store.usage(tenant)
    await store.replay(tenant, retried)
    await store.get_note(tenant, "n")
    await store.list_notes(tenant, "n")
    await store.audit_acts(tenant, 10)
    await store.audit_written(tenant, 0, 10)
    await store.audit_tip(tenant)
    chunk = (await scene.keep("doc", BODY))[0].ref.hash
    await store.let_go(tenant, HOLDER)
    root = (await scene.view("doc")).snapshot.head.content.root
    await store.read_chunk(tenant, root, chunk)
    await store.standings(tenant, [key("chat")])


async def number(connection, tenant):
    return await connection.fetchval(QUERIES.find_tenant, tenant)


async def test_what_is_asked_for_a_tenant_finds_nothing_when_another_is_said(
    store, connection, asked
):
    """Everything is asked again as it was, with the tenant's own number in it."""
    for tenant in TENANTS:
        _, retried = await write(store, tenant)
    other = str(await number(connection, "other"))
    asked.clear()
    store._names.clear()
    await read(store, "acme", retried)
    tried = set()
    for sql, params, before in list(asked):
        if before and is_walled(sql) and re.match(r"(WITH asked AS \()?SELECT", sql):
            if "set_config" in sql:
                params = (*params[:-1], other)  # noqa: PLW2901
            async with connection.transaction():
                await connection.execute(f"SET LOCAL backstory.tenant = {other}")
                rows = await connection.fetch(sql, *params)
            assert not any(any(row) for row in rows), (sql, rows)
            tried.add(sql)
    assert len(tried) > 20, "most of what can be asked was asked and had found something"
    assert sum("set_config" in sql for sql in tried) > 8


def statements():
    for file in FILES:
        found = Queries.load(package.__name__, file)
        for name in found.names():
            sql = getattr(found, name)
            if is_walled(sql) and re.match(r"(WITH \w+ AS \(\s+)?(SELECT|UPDATE|DELETE)", sql):
                yield name, sql


def scans(node):
    yield from [node] if "Relation Name" in node else []
    for below in node.get("Plans", ()):
        yield from scans(below)


async def plan(connection, sql):
    """As it is for whatever parameters, and prefers indexes as in a large store."""
    count = max(map(int, re.findall(r"\$(\d+)", sql)), default=0)
    await connection.execute(f"PREPARE one AS {sql}")
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE one{values}")
    await connection.execute("DEALLOCATE one")
    return orjson.loads(told)[0]["Plan"]


async def test_each_scan_of_each_statement_is_behind_the_wall_and_uses_its_index(connection):
    """Also where a statement would forget to name the tenant, or names another."""
    await connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
    open_tables = {"backstory", "tenants", "counters", "rights"}
    looked = 0
    for name, sql in statements():
        for scan in scans(await plan(connection, sql)):
            table = scan["Relation Name"]
            if table in open_tables or table[:3] == "pg_" or scan["Node Type"] == "ModifyTable":
                continue
            told = " ".join(
                str(scan.get(part, "")) for part in ("Index Cond", "Recheck Cond", "Filter")
            )
            if table != "entry_words":
                assert "COALESCE($" in told, (name, scan)
            if ABOUT_A_TENANT.search(sql):
                assert scan["Node Type"] != "Seq Scan", (name, scan)
            looked += 1
    assert looked > 150


async def test_who_says_nothing_is_refused(store, connection):
    await write(store, "acme")
    for _ in range(2):
        with pytest.raises(asyncpg.PostgresError):
            await connection.fetch("SELECT * FROM states")
        async with connection.transaction():  # behind which the setting is empty, and not unknown
            await connection.execute("SET LOCAL backstory.tenant = '*'")
            assert await connection.fetch("SELECT * FROM states")


async def test_a_read_that_names_another_by_mistake_finds_nothing(store, monkeypatch):
    """Reads of one statement too, which no transaction goes before."""
    for tenant in TENANTS:
        _, retried = await write(store, tenant)
    assert await store.snapshot("acme", key("chat"))
    monkeypatch.setattr(Database, "tenant", lambda self, name: self.names.tenants["other"])
    assert await store.snapshot("acme", key("chat")) is None
    assert await store.view("acme", key("fork")) is None
    assert await store.get_note("acme", "n") is None
    assert await store.replay("acme", retried) is None
    assert await store.audit_acts("acme", 10) == []


async def test_how_contexts_of_several_tenants_stand_is_told_of_no_others(store, connection):
    for tenant in (*TENANTS, "third"):
        await write(store, tenant)
    numbers = [await number(connection, tenant) for tenant in (*TENANTS, "third")]
    places = (numbers, ["users.1"] * 3, ["chat"] * 3)
    sql = said_of_several(QUERIES.standings)
    rows = await connection.fetch(sql, *places, several(numbers[:2]))
    assert [row["tenant"] for row in rows] == numbers[:2]
    rows = await connection.fetch(said(QUERIES.standings), *places, str(numbers[2]))
    assert [row["tenant"] for row in rows] == numbers[2:]
    rows = await connection.fetch(said(QUERIES.standings), *places, EVERYBODY)
    assert [row["tenant"] for row in rows] == numbers
