"""Row-level security: a second wall between tenants, whatever a statement says."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest
from msgspec import structs

import backstory.storage.postgres as package
from backstory.errors import StoreError
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store
from backstory.storage.queries import Queries, read_sql
from backstory.storage.tables import applying
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry
from postgres_server import sees_all

TENANTS = ("acme", "other")
WALLED = (
    "authors|voices|contexts|states|labels|entries|summaries|changes|documents|chains|chain_refs|"
    "idempotency|notes|state_words|erasures|contents|manifests|manifest_pages|chunks|chunk_bodies|"
    "chunk_refs|uploads|audit_tips|audit_blocks|audit_acts|audit_names"
)
"""Tables that each statement about them has to name the tenant for."""
FILES = ("queries.sql", "content.sql", "audit.sql", "scrub.sql", "whole.sql")
SHARED = {"backstory", "tenants", "counters", "rights"}
"""Hold nothing that a tenant wrote."""
READ = SHARED | {"entry_words"}
"""And the words, whose lexemes begin with the tenant: only who writes them says whose they are."""


@pytest.fixture
async def filled(postgres_url):
    """A connection of a role like any other to a store in which two tenants wrote the same."""
    clock = FakeClock()
    store = await open_store(PostgresOptions(postgres_url), clock=clock)
    for tenant in TENANTS:
        scene = Scene(store, clock, tenant)
        await scene.put("users.1/chat", {"a": 1}, labels=("x",))
        await scene.append("users.1/chat", entry("tea", "one"))
        await scene.put("users.1/chat", {"a": 2}, labels=("x",))
        await scene.put_content("users.1/chat", b"text" * 100)
        await store.put_note(tenant, "n", b"1", clock.now() + 10**9)
    await store.aclose()
    connection = await sees_all(postgres_url)
    yield connection
    await connection.close()


async def tables(connection):
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in rows}


async def test_each_table_of_tenants_is_behind_the_wall_for_its_owner_too(filled):
    rows = await filled.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert {name for name, walled in rows if not walled} == SHARED


async def test_a_transaction_that_says_whose_it_is_sees_nothing_of_others(filled):
    (acme, other) = [await filled.fetchval(QUERIES.find_tenant, name) for name in TENANTS]
    seen = 0
    for table in await tables(filled) - READ:
        everybody = await filled.fetch(f"SELECT DISTINCT tenant FROM {table}")
        async with filled.transaction():
            await filled.execute(f"SET LOCAL backstory.tenant = {acme}")
            theirs = await filled.fetch(f"SELECT DISTINCT tenant FROM {table}")
            wanted = await filled.fetchval(f"SELECT count(*) FROM {table} WHERE tenant = $1", other)
        assert wanted == 0
        assert {row[0] for row in theirs} <= {acme}
        seen += {row[0] for row in everybody} >= {acme, other}
    assert seen > 10, "the tables have rows of both"


async def test_such_a_transaction_changes_nothing_of_others(filled):
    (acme, other) = [await filled.fetchval(QUERIES.find_tenant, name) for name in TENANTS]
    async with filled.transaction():
        await filled.execute(f"SET LOCAL backstory.tenant = {acme}")
        for statement in (
            "UPDATE states SET body = '{}'",
            "DELETE FROM entries",
            "DELETE FROM entry_words",
        ):
            assert (await filled.execute(f"{statement} WHERE tenant = {other}")).endswith(" 0")
    transaction = filled.transaction()
    await transaction.start()
    await filled.execute(f"SET LOCAL backstory.tenant = {acme}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await filled.execute("INSERT INTO labels VALUES ($1, 'x', 1)", other)
    await transaction.rollback()


async def test_what_a_store_writes_for_one_tenant_cannot_be_of_another(postgres_url, monkeypatch):
    """A mistake in the code that names another tenant's number comes to nothing."""
    clock = FakeClock()
    store = await open_store(PostgresOptions(postgres_url), clock=clock)
    for tenant in TENANTS:
        await Scene(store, clock, tenant).put("users.1/chat", {"whose": tenant})
    connection = await sees_all(postgres_url)
    other = await connection.fetchval(QUERIES.find_tenant, "other")
    before = await connection.fetch("SELECT * FROM states WHERE tenant = $1", other)
    right = applying._set_state

    def wrong(tx, by, *rest):
        right(tx, structs.replace(by, tenant=other), *rest)

    monkeypatch.setattr(applying, "_set_state", wrong)
    with pytest.raises(StoreError):
        await Scene(store, clock, "acme").put("users.1/new", {"whose": "acme"})
    assert await connection.fetch("SELECT * FROM states WHERE tenant = $1", other) == before
    await connection.close()
    await store.aclose()


async def test_a_backup_by_the_owner_is_whole(filled, postgres, postgres_url, monkeypatch):
    """`pg_dump` never leaves rows out unseen: it fails, or says that it is about all tenants."""
    dump = ["-d", postgres_url, "--data-only"]
    with pytest.raises(AssertionError, match="row-level security"):
        await asyncio.to_thread(postgres.run, "pg_dump", *dump, "-f", "/dev/null")
    dump.append("--enable-row-security")
    with pytest.raises(AssertionError, match=r"backstory\.tenant"):
        await asyncio.to_thread(postgres.run, "pg_dump", *dump, "-f", "/dev/null")
    target = postgres.folder / "dump.sql"
    monkeypatch.setenv("PGOPTIONS", "-c backstory.tenant=*")
    await asyncio.to_thread(postgres.run, "pg_dump", *dump, "-f", str(target))
    (copied,) = re.findall(r"COPY public\.states .*?\n(.*?)\\\.", target.read_text(), re.DOTALL)
    assert len(copied.splitlines()) == 2


def test_each_file_of_statements_is_looked_at():
    """Those below, and what is done before a store is open, which reads no table of tenants."""
    files = {path.name for path in Path(package.__file__).parent.glob("*.sql")}
    assert files - {"schema.sql"} == {*FILES, "opening.sql"}
    opening = read_sql(package.__name__, "opening.sql")
    assert re.findall(rf"\b(?:FROM|JOIN|UPDATE|INTO) ({WALLED})\b", opening) == []


def statements():
    for file in FILES:
        found = Queries.load(package.__name__, file)
        for name in found.names():
            yield name, getattr(found, name)


def test_each_statement_names_the_tenant_of_each_table_that_it_reads():
    """The first wall. Those that are about all tenants are few, and known."""
    about_all = {
        "drop_idempotency", "drop_notes", "expiring", "tenants_erasing", "upload_tenants_before",
        "scrub_contexts", "scrub_chunks", "scrub_manifests", "all_contents", "all_states", "clear_words", "set_searching", "rights_marks", "erasing",
    }  # fmt: skip
    wrong = []
    for name, sql in statements():
        read = re.findall(rf"\b(?:FROM|JOIN|UPDATE) ({WALLED})\b", sql)
        if name not in about_all and len(re.findall(r"\btenant\s*(?:=|IN)", sql)) < len(read):
            wrong.append(name)
    assert wrong == []
