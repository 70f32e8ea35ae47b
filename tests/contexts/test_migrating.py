"""States follow the schema of their kind: with their next write, or in the background."""

import logging

import orjson
import pytest

from backstory import limits
from backstory.domain.commits import Append, Conditions, Fork, Patch, Put, Restore
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import Packaged
from backstory.domain.patches import MergePatch
from backstory.domain.principals import LOCAL_ADMIN, LOCAL_IMPORT
from backstory.processing.ruling import PipelineRules
from backstory.processing.schemas.packaged import kind_of
from contexts.conftest import do, opened

ONE = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TWO = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
RENAME = [{"op": "move", "from": "/name", "path": "/title", "when": "/name"}]
KEY = ContextKey("sales", "acme")


async def register(contexts, schema, **more):
    body = {"schema": schema, "compatibility": "none"} | more
    await contexts.kinds.register(LOCAL_ADMIN, "deal", lambda: body, Conditions())


async def write(contexts, key=KEY, principal=LOCAL_ADMIN, **state):
    await do(contexts, Put(key, "deal", orjson.dumps(state), (), None), principal=principal)


async def found(contexts, key=KEY):
    snapshot = await contexts.reader.snapshot(LOCAL_ADMIN, key)
    head = snapshot.head
    return head.version, head.schema_version, orjson.loads(snapshot.state)


@pytest.fixture
async def moved(contexts):
    """A state of the first version, while the second is in force."""
    await register(contexts, ONE)
    await write(contexts, name="x")
    await register(contexts, TWO, migration=RENAME)
    return contexts


async def test_a_read_changes_nothing(moved):
    assert await found(moved) == (1, 1, {"name": "x"})


async def test_a_patch_works_on_the_migrated_state(moved):
    await do(moved, Patch(KEY, MergePatch({"more": 1})))
    assert await found(moved) == (2, 2, {"title": "x", "more": 1})


async def test_an_append_leaves_the_state_as_it_is(moved):
    await do(moved, Append(KEY, (NewEntry("user", "message", b'"hi"'),)))
    assert await found(moved) == (2, 1, {"name": "x"})


async def test_the_background_brings_each_state_along_once(moved):
    assert await moved.migrator.migrate() == 1
    assert await found(moved) == (2, 2, {"title": "x"})
    assert await moved.migrator.migrate() == 0
    view = await moved.reader.view(LOCAL_ADMIN, KEY, 1)
    assert view.snapshot.state == b'{"name":"x"}'


async def test_a_migration_does_not_make_anyone_believe_more(contexts):
    await register(contexts, ONE)
    await write(contexts, principal=LOCAL_IMPORT, name="x")
    await register(contexts, TWO, migration=RENAME)
    await contexts.migrator.migrate()
    author = (await contexts.reader.snapshot(LOCAL_ADMIN, KEY)).head.author
    assert (author.subject, author.trust) == ("system", LOCAL_IMPORT.trust)


async def test_the_background_does_a_little_at_a_time(contexts):
    await register(contexts, ONE)
    keys = [ContextKey("sales", f"c{n}") for n in range(5)]
    for key in keys:
        await write(contexts, key, name="x")
    await register(contexts, TWO, migration=RENAME)
    assert [await contexts.migrator.migrate(2) for _ in range(4)] == [2, 2, 1, 0]
    for key in keys:
        assert (await found(contexts, key))[1:] == (2, {"title": "x"})


async def test_a_state_that_cannot_follow_stays_and_is_told_of(contexts, caplog):
    await register(contexts, ONE)
    await write(contexts, name="secret")
    strict = {"properties": {"title": {"maxLength": 2}}}
    await register(contexts, strict, migration=RENAME)
    with caplog.at_level(logging.WARNING):
        assert await contexts.migrator.migrate() == 1
    assert await found(contexts) == (1, 1, {"name": "secret"})
    (record,) = caplog.records
    assert (record.tenant, record.code) == ("default", "schema_violation")
    assert "secret" not in caplog.text


async def test_a_state_that_comes_back_is_migrated_by_its_next_write(moved):
    await moved.migrator.migrate()
    await do(moved, Restore(KEY, 1))
    assert (await found(moved))[1:] == (1, {"name": "x"})
    copy = ContextKey("sales", "copy")
    await do(moved, Fork(copy, KEY))
    await do(moved, Patch(copy, MergePatch({"more": 1})))
    assert (await found(moved, copy))[1:] == (2, {"title": "x", "more": 1})


async def test_a_large_state_is_migrated_and_patched_outside_of_the_writer(contexts):
    await register(contexts, ONE)
    long = "x" * (limits.RULED_INLINE_BYTES + 1)
    await write(contexts, name=long)
    await register(contexts, TWO, migration=RENAME)
    await do(contexts, Patch(KEY, MergePatch({"more": "a\U000e0041b"})))
    assert (await found(contexts))[1:] == (2, {"title": long, "more": "ab"})
    await do(contexts, Patch(KEY, MergePatch({"title": "x"})))
    await do(contexts, Patch(KEY, MergePatch({"title": long})))
    assert (await found(contexts))[2]["title"] == long


async def test_the_sweeper_migrates(moved):
    assert moved.sweeper._migrator is moved.migrator


def packaged(schema, **more):
    """Rules with the kind `deal` as an extension brings it."""
    state = kind_of({"schema": schema, "compatibility": "none", **more}).encode()
    return PipelineRules(packaged={"deal": Packaged(state, "acme-deals", "1.0")})


@pytest.fixture
async def upgraded(tmp_path):
    """A state of a package's first version, while its second is installed."""
    async with opened(tmp_path / "store.db", rules=packaged(ONE)) as contexts:
        await write(contexts, name="x")
        assert await contexts.migrator.migrate() == 0
    rules = packaged(TWO, migrations={"2": RENAME})
    async with opened(tmp_path / "store.db", rules=rules) as contexts:
        yield contexts


async def test_a_state_follows_a_newer_package_with_its_next_write(upgraded):
    assert await found(upgraded) == (1, 1, {"name": "x"})
    await do(upgraded, Patch(KEY, MergePatch({"more": 1})))
    assert await found(upgraded) == (2, 2, {"title": "x", "more": 1})


async def test_a_state_follows_a_newer_package_in_the_background_once(upgraded):
    assert await upgraded.migrator.migrate() == 1
    assert await found(upgraded) == (2, 2, {"title": "x"})
    assert await upgraded.migrator.migrate() == 0


async def test_what_a_tenant_registered_is_what_its_states_follow(upgraded):
    await register(upgraded, TWO, migration=[{"op": "add", "path": "/own", "value": True}])
    assert await upgraded.migrator.migrate() == 1
    assert await found(upgraded) == (2, 3, {"title": "x", "own": True})
