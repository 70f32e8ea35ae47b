"""Tenants of one file shared authors under the release before; the steps take them apart."""

import asyncio
import json
import shutil
import subprocess
import sys

import apsw
import pytest
from click.testing import CliRunner

import released
from backstory import limits
from backstory.cli import main
from backstory.domain.principals import Author, Trust
from backstory.errors import SchemaVersionError
from backstory.security.auditing.verifying import verify
from backstory.storage.sqlite import SqliteOptions, migrating, open_store
from backstory.storage.sqlite.migrating import migrate
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

EVE, BOB, ZOE = (Author(name, Trust.USER) for name in ("evelyn", "bob", "zoe"))
PAST = Author("forgotten", Trust.USER)
TENANTS = ("acme", "other", "third")
TALK = """
import asyncio, sys
from backstory.domain.principals import Author, Trust
from backstory.security.auditing.sealing import Auditor
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

async def talk(path, *said):
    clock = FakeClock()
    store = await open_store(path, clock=clock)
    for one in said:
        tenant, who = one.split("=")
        scene = Scene(store, clock, tenant)
        if await store.view(tenant, scene_key) is None:
            await scene.put("teams.1/a")
        await scene.append("teams.1/a", "said", author=Author(who, Trust.USER))
        auditor = Auditor(store, store.secret, clock)
        await auditor.seal(tenant)
    await store.aclose()

from backstory.testing.scene import key
scene_key = key("teams.1/a")
asyncio.run(talk(*sys.argv[1:]))
"""
DROPPED = """
-- As retention drops the past, which the trail keeps.
DELETE FROM changes WHERE author = (SELECT id FROM authors WHERE subject = 'forgotten');
DELETE FROM entries WHERE voice IN (SELECT v.id FROM voices AS v JOIN authors AS a ON a.id = v.author
                                    WHERE a.subject = 'forgotten');
"""


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody remembers names for long, and so nobody waits for that for long."""
    monkeypatch.setattr(limits, "NAMES_SECONDS", 0.01)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The release before, writing into a file."""
    found = released.unpacked(tmp_path_factory.mktemp("released"))
    if found is None:
        pytest.skip(released.MISSING)

    def talk(path, *said):
        done = subprocess.run(
            [sys.executable, "-c", TALK, path, *said],
            check=False,
            env=found,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return path

    return talk


@pytest.fixture(scope="module")
def shared(before, tmp_path_factory):
    said = [f"{tenant}=evelyn" for tenant in TENANTS]
    path = tmp_path_factory.mktemp("shared") / "s.db"
    before(path, "acme=forgotten", *said, "other=bob")
    return path


@pytest.fixture
def path(shared, tmp_path):
    return shutil.copy(shared, tmp_path / "s.db")


def run(path, script):
    connection = apsw.Connection(str(path))
    rows = connection.execute(script).fetchall()
    connection.close()
    return rows


async def command(path, *flags):
    arguments = ["migrate", "--store", f"sqlite:///{path}", "--json", *flags]
    done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    return found["applied"], [f"{step['name']} {step['deploy']}" for step in found["pending"]]


async def authors(store, tenant):
    """Who wrote, by entries and by versions."""
    scene = Scene(store, FakeClock(), tenant)
    changes = [one.by for one in await scene.versions("teams.1/a")]
    return [one.author for one in await scene.entries("teams.1/a")], changes[1:]


async def test_an_erasure_holds_once_what_tenants_shared_was_taken_apart(before, path):
    step = (["split"], [])
    assert await command(path, "--before-deploy") == (["applied", "authors"], ["split after"])
    store = await open_store(path, clock=FakeClock())
    assert not await store.is_erased(await store.erase("other", "users.evelyn", BOB))
    await Scene(store, FakeClock(), "other").append("teams.1/a", "new", author=ZOE)
    await store.aclose()
    # The release before goes on, and takes what it finds for its own.
    await asyncio.to_thread(before, path, "third=zoe", "third=bob")
    assert await command(path, "--pending") == ([], ["split after"])

    store = await open_store(path, clock=FakeClock())
    assert (await authors(store, "third"))[0] == [EVE, ZOE, BOB]
    assert await command(path, "--after-deploy") == step  # while a server runs
    assert await authors(store, "third") == ([EVE, ZOE, BOB], [EVE, ZOE, BOB])
    assert await store.is_erased(await store.erase("other", "users.evelyn", BOB))
    assert await store.is_erased(await store.erase("other", "users.zoe", BOB))
    assert EVE not in (await authors(store, "other"))[0]
    for tenant, left in {"acme": [EVE], "third": [EVE, ZOE, BOB]}.items():
        assert [one for one in (await authors(store, tenant))[0] if one != PAST] == left
    await Scene(store, FakeClock(), "other").append("teams.1/a", "back", author=EVE)
    assert (await authors(store, "other"))[0][-1] == EVE
    for tenant in TENANTS:
        assert (await verify(store, store.secret, tenant)).findings == []
        assert await store.is_erased(await store.erase(tenant, "users.evelyn", BOB))
    await store.aclose()
    assert b"evelyn" not in path.read_bytes()
    with pytest.raises(AssertionError, match="schema version 12"):
        await asyncio.to_thread(before, path, "third=zoe")


async def test_whom_only_the_trail_names_keeps_the_name_there_and_nowhere_else(path):
    run(path, DROPPED)
    migrate(SqliteOptions(path))
    named = "SELECT t.name FROM authors JOIN tenants AS t ON t.id = tenant WHERE subject = '{}'"
    assert run(path, named.format("forgotten")) == [("acme",)]
    assert sorted(run(path, named.format("evelyn"))) == [(tenant,) for tenant in TENANTS]
    assert run(path, named.format("bob")) == [("other",)]


async def test_who_is_named_nowhere_loses_the_name_and_the_number_is_not_given_again(path):
    run(path, "INSERT INTO authors (id, subject, trust) VALUES (99, 'idle', 1)")
    migrate(SqliteOptions(path))
    assert run(path, "SELECT tenant, substr(subject, 1, 7) FROM authors WHERE id = 99") == [
        (0, "erased-")
    ]
    store = await open_store(path, clock=FakeClock())
    await Scene(store, FakeClock(), "acme").append("teams.1/a", "new", author=ZOE)
    await store.aclose()
    assert run(path, "SELECT id FROM authors WHERE subject = 'zoe'") == [(100,)]


async def test_what_is_written_while_the_step_looks_is_not_forgotten(before, path, monkeypatch):
    """Nobody is held up by that, and a server of the release before that still runs does no harm."""
    look = migrating._look

    def look_and_write(db, step):
        look(db, step)
        if step.looks:
            before(path, "acme=bob", "fourth=bob")

    monkeypatch.setattr(migrating, "_look", look_and_write)
    await asyncio.to_thread(migrate, SqliteOptions(path))
    store = await open_store(path, clock=FakeClock())
    assert await store.is_erased(await store.erase("other", "users.bob", EVE))
    assert (await authors(store, "acme"))[0][-1] == (await authors(store, "fourth"))[0][-1] == BOB
    assert await store.is_erased(await store.erase("acme", "users.bob", EVE))
    assert (await authors(store, "fourth"))[0] == [BOB]
    await store.aclose()


async def test_who_migrates_at_the_same_time_does_nothing_twice(path, monkeypatch):
    look = migrating._look

    def look_and_migrate(db, step):
        look(db, step)
        if step.looks:
            monkeypatch.setattr(migrating, "_look", look)
            migrate(SqliteOptions(path))

    monkeypatch.setattr(migrating, "_look", look_and_migrate)
    await asyncio.to_thread(migrate, SqliteOptions(path))
    store = await open_store(path, clock=FakeClock())
    assert (await authors(store, "other"))[0] == [EVE, BOB]
    await store.aclose()


async def test_a_file_of_one_tenant_keeps_all_numbers(before, tmp_path):
    path = before(tmp_path / "s.db", "acme=evelyn", "acme=bob")
    asked = "SELECT id, trust, subject FROM authors ORDER BY id"
    found = run(path, asked)
    with pytest.raises(SchemaVersionError, match="run `backstory migrate`"):
        await open_store(path)
    assert await command(path) == (["applied", "authors", "split"], [])
    assert run(path, asked) == found
    store = await open_store(path, clock=FakeClock())
    assert await store.is_erased(await store.erase("acme", "users.evelyn", BOB))
    await store.aclose()
