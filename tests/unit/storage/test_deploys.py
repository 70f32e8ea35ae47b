"""Steps before and after a deploy: which releases can use a store, and what is applied when."""

import asyncio
import json
from contextlib import closing
from importlib.resources import files

import asyncpg
import pytest
from click.testing import CliRunner

from backstory import __version__, limits
from backstory.cli import main
from backstory.errors import SchemaVersionError, StoreUnavailableError
from backstory.storage.migrations import (
    Deploy,
    Migration,
    Wanted,
    chosen,
    migrations_of,
    pending,
)
from backstory.storage.postgres import migrating as postgres_migrating
from backstory.storage.postgres import opening as postgres_opening
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_server
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite import migrating as sqlite_migrating
from backstory.storage.sqlite import opening as sqlite_opening
from backstory.storage.sqlite.database import SqliteDatabase
from backstory.storage.standing import Known, Standing
from promised import kept

OPTIONAL = {"applied"}  # steps before a deploy that the code copes without
BEFORE, AFTER = Wanted(Deploy.BEFORE), Wanted(Deploy.AFTER)
OLD = Known(single=9, floor=9, needed=9, newest=10)
STORES = {"sqlite": sqlite_opening.KNOWN, "postgres": postgres_opening.KNOWN}


def steps(*deploys, first=11):
    """Steps behind the tenth, each before or after a deploy."""
    return [Migration(first + i, f"s{first + i}", "", Deploy(d)) for i, d in enumerate(deploys)]


def reached(known, standing, done):
    for step in done:
        standing = known.after(step.number, standing, leaves_floor=step.deploy is Deploy.BEFORE)
    return standing


# -- what code and files say of each other ------------------------------------------------


@pytest.fixture(params=STORES)
def store(request):
    """A store's steps, what its code knows, and its name."""
    steps = migrations_of(f"backstory.storage.{request.param}")
    return steps, STORES[request.param], request.param


def test_code_needs_each_step_before_the_deploy_that_it_does_not_cope_without(store):
    found, known, _ = store
    before = [s.number for s in found if s.deploy is Deploy.BEFORE and s.name not in OPTIONAL]
    after = [s.number for s in found if s.deploy is Deploy.AFTER]
    assert known.newest == found[-1].number
    assert known.needed == before[-1]
    assert known.floor == max([known.single, *after])


def test_within_a_release_steps_after_the_deploy_come_last(store):
    found, _, name = store
    released = kept.read(kept.releases()[-1])["names"]["schemas"][name]["version"]
    new = [step.deploy for step in found if step.number > released]
    assert new == sorted(new, key=[Deploy.BEFORE, Deploy.AFTER].index)


def test_a_step_says_in_its_file_when_it_is_applied(store):
    found, _, name = store
    folder = files(f"backstory.storage.{name}") / "migrations"
    assert len(found) == len([file for file in folder.iterdir() if file.name.endswith(".sql")])


def test_the_page_on_compatibility_tells_of_the_schema_of_each_release():
    page = (kept.FOLDER.parent / "docs" / "reference" / "compatibility.md").read_text("utf-8")
    rows = {__version__: {name: known.newest for name, known in STORES.items()}}
    for release in kept.releases():
        found = kept.read(release)["names"]["schemas"]
        rows[release] = {name: schema["version"] for name, schema in found.items()}
    for release, schemas in rows.items():
        assert f"| {release} | {schemas['sqlite']} | {schemas['postgres']} |" in page


# -- which releases can use a store -------------------------------------------------------


def test_the_release_before_goes_on_behind_a_step_before_the_deploy():
    standing = reached(OLD, Standing(9, 10), steps("before", "before"))
    assert standing == Standing(9, 12)
    OLD.check(standing)


def test_the_release_before_stops_behind_a_step_after_the_deploy():
    standing = reached(OLD, Standing(9, 10), steps("before", "after"))
    assert standing == Standing(12, 12)
    with pytest.raises(SchemaVersionError, match=r"version 12, .*needs 10; .*use that release"):
        OLD.check(standing)


def test_code_starts_where_only_steps_after_the_deploy_are_pending():
    new = Known(single=9, floor=12, needed=11, newest=12)
    new.check(Standing(9, 11))
    with pytest.raises(
        SchemaVersionError, match=r"version 10, .*needs 11; run `backstory migrate`"
    ):
        new.check(Standing(9, 10))


def test_releases_that_keep_one_number_have_it_raised_up_to_theirs():
    standing = reached(OLD, Standing(7, 7), steps("before", "before", "before", first=8))
    assert standing == Standing(9, 10)


@pytest.mark.parametrize(
    ("version", "applied", "standing"),
    [(4, None, (4, 4)), (9, None, (9, 9)), (9, 0, (9, 9)), (9, 10, (9, 10)), (12, 10, (12, 12))],
)
def test_a_store_stands_where_its_numbers_say(version, applied, standing):
    assert OLD.standing(version, applied) == Standing(*standing)


# -- which steps are applied --------------------------------------------------------------


def numbers(found):
    return [step.number for step in found]


def test_steps_before_the_deploy_are_applied_up_to_the_first_after_it():
    left = steps("before", "before", "after")
    assert numbers(chosen(left, BEFORE)) == [11, 12]
    assert numbers(chosen(left[2:], AFTER)) == [13]
    assert numbers(chosen(left, Wanted())) == [11, 12, 13]
    assert chosen(left, Wanted(nothing=True)) == ()


def test_no_step_is_applied_before_those_that_come_first():
    left = steps("after", "before")
    with pytest.raises(SchemaVersionError, match=r"step 12 .* after step 11 .*`.*--after-deploy`"):
        chosen(left, BEFORE)
    with pytest.raises(SchemaVersionError, match=r"step 11 .*`backstory migrate --before-deploy`"):
        chosen(steps("before", "after"), AFTER)
    assert numbers(chosen(left, AFTER)) == [11]


def test_where_nothing_of_a_kind_is_pending_nothing_is_done():
    assert chosen([], BEFORE) == chosen([], AFTER) == ()
    assert chosen(steps("after"), BEFORE) == ()


def test_nothing_is_pending_for_a_release_that_knows_less_but_can_use_the_store():
    assert pending(steps("before", first=10), Standing(9, 14)) == ()
    with pytest.raises(SchemaVersionError, match="this release knows 10; use the newer"):
        pending(steps("before", first=10), Standing(14, 14))


# -- real stores --------------------------------------------------------------------------


async def test_a_new_file_has_all_steps_behind_it(tmp_path):
    store = await open_store(tmp_path / "s.db")
    await store.aclose()
    with closing(SqliteDatabase(SqliteOptions(tmp_path / "s.db"), busy_seconds=1)) as db:
        known = sqlite_opening.KNOWN
        assert sqlite_opening.standing_of(db.connection) == Standing(known.floor, known.newest)


def test_only_a_step_for_a_file_looks_first():
    assert not any(step.looks for step in migrations_of("backstory.storage.postgres"))


async def test_new_code_migrates_tables_of_the_release_before_and_uses_them(postgres_url):
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    for step in postgres_migrating.migrations()[:6]:
        await connection.execute(step.sql)
    begun = (6, "e" * 16, bytes(32), 0, True)
    await connection.execute(postgres_opening.OPENING.begin_life, *begun)
    with pytest.raises(SchemaVersionError, match="run `backstory migrate`"):
        await open_server(postgres_url)
    done = await postgres_migrating.migrate(PostgresOptions(postgres_url))
    assert (done.before, done.applied[0]) == (6, "applied")
    store = await open_server(postgres_url)
    await store.check()
    await store.aclose()
    await connection.close()


MORE = [
    Migration(90, "more", "CREATE TABLE more (x INTEGER)", Deploy.BEFORE),
    Migration(91, "less", "DROP TABLE more", Deploy.AFTER),
]


async def command(url, *flags):
    """`backstory migrate`, with steps of a later release."""
    arguments = ["migrate", "--store", url, "--json", *flags]
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)


@pytest.fixture
def later(monkeypatch):
    for module in (sqlite_migrating, postgres_migrating):
        known = module.migrations()
        monkeypatch.setattr(module, "migrations", lambda known=known: (*known, *MORE))


async def made(path):
    await (await open_store(path)).aclose()


def told(done):
    found = json.loads(done.stdout)
    return found["applied"], [f"{step['name']} {step['deploy']}" for step in found["pending"]]


async def test_the_command_applies_to_a_file_what_it_is_told_to(later, tmp_path):
    await made(tmp_path / "s.db")
    await applies_what_it_is_told_to(f"sqlite:///{tmp_path}/s.db")


async def test_the_command_applies_to_a_database_what_it_is_told_to(later, postgres_url):
    await applies_what_it_is_told_to(postgres_url)


async def applies_what_it_is_told_to(url):
    assert told(await command(url, "--pending")) == ([], ["more before", "less after"])
    refused = await command(url, "--after-deploy")
    assert refused.exit_code == 1
    assert "first `backstory migrate --before-deploy`, then roll" in refused.stderr
    assert told(await command(url, "--before-deploy")) == (["more"], ["less after"])
    assert told(await command(url, "--before-deploy")) == ([], ["less after"])
    assert told(await command(url, "--after-deploy")) == (["less"], [])
    assert told(await command(url)) == ([], [])


async def test_another_epoch_begins_without_the_steps_after_the_deploy(tmp_path):
    await made(tmp_path / "s.db")
    done = await command(f"sqlite:///{tmp_path}/s.db", "--before-deploy", "--new-epoch")
    epoch = json.loads(done.stdout)["epoch"]
    assert epoch["before"] != epoch["after"]


async def test_a_server_goes_on_behind_steps_before_the_deploy_and_stops_behind_others(
    tmp_path, postgres_url
):
    file, server = await open_store(tmp_path / "s.db"), await open_server(postgres_url)

    async def migrated(wanted):
        options, steps = SqliteOptions(tmp_path / "s.db"), sqlite_migrating.migrations()
        await asyncio.to_thread(sqlite_migrating.migrate, options, (*steps, *MORE), wanted)
        steps = postgres_migrating.migrations()
        await postgres_migrating.migrate(PostgresOptions(postgres_url), (*steps, *MORE), wanted)

    await migrated(BEFORE)
    for store in (file, server):
        await store.check()
    await migrated(AFTER)
    for store in (file, server):
        with pytest.raises(SchemaVersionError, match=r"version 91, .*: use that release"):
            await store.check()
        await store.aclose()


def test_the_command_tells_people_what_is_pending(later, tmp_path):
    asyncio.run(made(tmp_path / "s.db"))
    command = ["migrate", "--store", f"sqlite:///{tmp_path}/s.db"]
    done = CliRunner().invoke(main, [*command, "--before-deploy"])
    first, second = done.stdout.splitlines()
    assert first.endswith(" to 90: more")
    assert second == "pending: 91 less, after the deploy"
    done = CliRunner().invoke(main, [*command, "--pending", "--new-epoch"])
    assert (done.exit_code, "give it alone" in done.stderr) == (2, True)


async def test_a_step_lets_others_pass_while_it_cannot_have_its_tables(postgres_url, monkeypatch):
    monkeypatch.setattr(limits, "MIGRATE_LOCK_SECONDS", 0.05)
    monkeypatch.setattr(limits, "MIGRATE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(limits, "MIGRATE_TRIES", 2)
    step = Migration(90, "wide", "ALTER TABLE tenants ADD COLUMN wide INTEGER")
    more = (*postgres_migrating.migrations(), step)
    reader = await asyncpg.connect(postgres_url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM tenants")
        with pytest.raises(StoreUnavailableError, match=r"step 90 \(wide\) .* in 2 tries"):
            await postgres_migrating.migrate(PostgresOptions(postgres_url), more)
    await reader.close()
    done = await postgres_migrating.migrate(PostgresOptions(postgres_url), more)
    assert done.applied == ("wide",)
