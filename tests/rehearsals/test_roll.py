"""A roll from the release before to this one, under load: nothing fails, nothing is lost.

Both releases really run: the older one's code comes out of the history of the repository.
"""

import asyncio
import json
import sys

import pytest

import postgres_server
import released
from backstory import __version__
from clusters.load import under_load
from clusters.nodes import Node, started
from clusters.standbys import standby_of, succeed
from postgres_server import PLAIN
from serving import SECONDS, failing

OLD, NEW = released.RELEASE, __version__
EACH = 15  # writes that each node acknowledges before the next step


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """What the code of each release runs with."""
    old = released.unpacked(tmp_path_factory.mktemp("released"))
    if old is None:
        pytest.skip(released.MISSING)
    return {OLD: old, NEW: {}}


@pytest.fixture
def own_postgres(postgres):
    """A PostgreSQL that may be hurt, with a database of a role that row-level security concerns."""
    with postgres_server.running() as server:
        where = ("-h", "127.0.0.1", "-p", str(server.port), "-U", "backstory", "-d", "postgres")
        for made in (f"CREATE ROLE {PLAIN} LOGIN", f"CREATE DATABASE store OWNER {PLAIN}"):
            server.run("psql", *where, "-qc", made)
        yield server


async def release_of(node):
    async with node.client() as http:
        return (await http.get("/healthz")).json()["version"]


async def rolled(node, load, release, env):
    """Drain a node and start it as another release; the load goes on at the other one."""
    assert await node.stop() == 0
    node.env = env
    await node.start()
    assert await release_of(node) == release
    await load.of_each(EACH)


async def migrated(store, *flags):
    """`backstory migrate` of this release."""
    command = [sys.executable, "-m", "backstory", "migrate", "--store", store, "--json", *flags]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(SECONDS):
        said, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(said)


async def wants_steps(store, folder):
    """This release does not start on what the one before made, and says what to do."""
    with failing(folder, store=store) as server:
        assert await asyncio.to_thread(server.wait) == 1
        assert "run `backstory migrate` (schema_version)" in server.errors()


async def is_refused_to(release, store, folder):
    """The release before does not start any more on what took something away from it."""
    (folder / "late").mkdir()
    with failing(folder / "late", store=store, env=release) as server:
        assert await asyncio.to_thread(server.wait) == 1
        assert "(schema_version)" in server.errors()


def nothing_failed(load):
    """What callers have to do again by themselves is a matter of a node that leaves, no error."""
    assert load.counts["acknowledged"] > 0
    assert load.counts["unknown"] + load.counts["refused"] < load.counts["acknowledged"]


async def test_two_nodes_roll_one_by_one_and_back(releases, own_postgres, redis_server, tmp_path):
    """The release before runs on the new schema, beside the new one, and hears of what that does."""
    store = own_postgres.url("store", PLAIN)
    url = f"redis://127.0.0.1:{redis_server.port}/5"
    shared = ("--bus", url, "--cache", url)
    one, two = (Node(name, tmp_path, store, *shared, env=releases[OLD]) for name in ("one", "two"))
    async with started(one, two) as nodes, under_load("roll: two nodes", nodes) as load:
        assert [await release_of(node) for node in nodes] == [OLD, OLD]
        await wants_steps(store, tmp_path)
        done = await migrated(store, "--before-deploy")
        assert done["applied"]
        assert {step["deploy"] for step in done["pending"]} <= {"after"}
        await load.of_each(EACH)  # the release before, on what it does not know
        await rolled(one, load, NEW, releases[NEW])
        await rolled(one, load, OLD, releases[OLD])  # the operator has second thoughts
        await rolled(one, load, NEW, releases[NEW])
        await rolled(two, load, NEW, releases[NEW])
        done = await migrated(store, "--after-deploy")
        assert (done["applied"], done["pending"]) == (["unsaid"], [])
        await is_refused_to(releases[OLD], store, tmp_path)
        await load.of_each(EACH)
        nothing_failed(load)


async def test_the_database_fails_over_in_the_middle_of_a_roll(releases, own_postgres, tmp_path):
    made = own_postgres
    async with standby_of(made) as standby:
        hosts = f"127.0.0.1:{standby.port},127.0.0.1:{made.port}"
        store = f"postgresql://{PLAIN}@{hosts}/store?target_session_attrs=read-write"
        one, two = (Node(name, tmp_path, store, env=releases[OLD]) for name in ("one", "two"))
        async with started(one, two) as nodes, under_load("roll: failover", nodes) as load:
            await migrated(store, "--before-deploy")
            await rolled(one, load, NEW, releases[NEW])
            await succeed(made, standby)
            await load.of_each(EACH)
            await rolled(two, load, NEW, releases[NEW])


async def test_one_node_on_a_file_is_followed_by_the_next_release_and_back(releases, tmp_path):
    store = f"sqlite:///{tmp_path}/store.db"
    node = Node("one", tmp_path, store, env=releases[OLD])
    async with started(node) as nodes, under_load("roll: a file", nodes) as load:
        await wants_steps(store, tmp_path)
        assert (await migrated(store, "--before-deploy"))["applied"]
        await load.of_each(EACH)
        await rolled(node, load, NEW, releases[NEW])
        await rolled(node, load, OLD, releases[OLD])
        await rolled(node, load, NEW, releases[NEW])
        done = await migrated(store, "--after-deploy")
        assert (done["applied"], done["pending"]) == (["split"], [])
        await is_refused_to(releases[OLD], store, tmp_path)
        await load.of_each(EACH)
