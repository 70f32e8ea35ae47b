"""The SQL files of PostgreSQL: one schema however it came to be, and no query that nobody runs."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from backstory.storage.migrations import Migration, pending
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.migrating import migrate, migrations
from backstory.storage.postgres.opening import OPENING, SCHEMA_VERSION
from backstory.storage.postgres.options import PostgresOptions

ROOMS = [Path(read.__code__.co_filename).parent for read in (migrate, pending)]
FORMS = {
    "begin",
    "begin_reading",
    "commit",
    "vacuum",
    "or_nothing",
    "say",
    "say_several",
}  # parts, or several
TOLD = """
SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position
"""


async def shape(url):
    connection = await asyncpg.connect(url)
    columns = await connection.fetch(TOLD)
    indexes = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")
    options = await connection.fetch(
        "SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL ORDER BY 1"
    )
    storage = await connection.fetch(
        "SELECT attrelid::regclass::text, attname, attstorage FROM pg_attribute "
        "JOIN pg_class AS c ON c.oid = attrelid AND c.relkind = 'r' "
        "WHERE attnum > 0 AND c.relnamespace = 'public'::regnamespace ORDER BY 1, 2"
    )
    policies = await connection.fetch(
        "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2"
    )
    walled = await connection.fetch(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    await connection.close()
    return columns, sorted(indexes), options, storage, policies, walled


async def test_the_migrations_add_up_to_the_schema(postgres, postgres_url):
    steps = migrations()
    assert [step.number for step in steps] == list(range(1, SCHEMA_VERSION + 1))
    await postgres.do("CREATE DATABASE sum")
    await postgres.do(*(step.sql for step in steps), database="sum")
    assert await shape(postgres.url("sum")) == await shape(postgres_url)
    await postgres.do("DROP DATABASE sum")


async def test_two_who_migrate_at_once_apply_each_step_once(postgres_url):
    more = Migration(SCHEMA_VERSION + 1, "more", "CREATE TABLE more (id int)")
    options = PostgresOptions(postgres_url)
    await asyncio.gather(*(migrate(options, (*migrations(), more)) for _ in range(3)))
    again = await migrate(options, (*migrations(), more))
    assert (again.before, again.applied) == (SCHEMA_VERSION + 1, ())


@pytest.mark.parametrize("queries", [QUERIES, OPENING], ids=["queries", "opening"])
async def test_each_query_is_understood_and_used(postgres_url, queries):
    sources = "".join(path.read_text() for room in ROOMS for path in room.rglob("*.py"))
    connection = await asyncpg.connect(postgres_url)
    for name in queries.names():
        if name not in FORMS:
            await connection.prepare(getattr(queries, name))
        assert re.search(rf"(QUERIES|OPENING|\bsql)\.{name}\b", sources), name
    await connection.close()


async def test_an_append_stays_within_its_page(postgres_url):
    """No index has a column that every commit changes, so updates are HOT."""
    connection = await asyncpg.connect(postgres_url)
    indexed = await connection.fetch(
        "SELECT a.attname FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid "
        "AND a.attnum = ANY(i.indkey) WHERE i.indrelid IN ('contexts'::regclass, "
        "'counters'::regclass)"
    )
    await connection.close()
    changed = {"version", "commit_id", "entry_count", "last_seq", "author", "updated_at"}
    assert {name for (name,) in indexed}.isdisjoint(changed | {"position", "numbers"})
