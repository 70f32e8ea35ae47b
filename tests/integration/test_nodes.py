"""Two nodes on one PostgreSQL that hear of each other's changes, with a bus and without."""

import asyncio
import json
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

import server_process
from backstory.cli import main
from postgres_server import free_port
from serving import SECONDS, Wire, serving, until

CHAT = "/v1/contexts/users.42/chat"
SAID = {"entries": [{"role": "user", "content": "hello"}]}
EVENTS = "Accept: text/event-stream"


@pytest.fixture
def empty_url(postgres, anyio_backend):
    """The URL of a database in which nothing is."""
    where = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory")
    postgres.run("createdb", *where, "nodes")
    yield postgres.url("nodes")
    postgres.run("dropdb", "--force", *where, "nodes")


@contextmanager
def two(folder, store, *arguments):
    with (
        serving(folder, *arguments, store=store) as one,
        serving(folder, *arguments, store=store) as other,
    ):
        yield one, other


async def follow(server, count, after):
    """The versions that a stream of events tells of."""
    wire = await Wire.to(server)
    wire.send(f"/v1/changes?after={after}", EVENTS)
    assert (await wire.head())[0] == 200
    seen = []
    while len(seen) < count:
        line = await wire.line()
        if line.startswith("data: "):
            seen.append(json.loads(line.removeprefix("data: "))["version"])
    wire.close()
    return seen


async def poll(server, count, after):
    """The versions that long polls tell of, one after the other."""
    seen = []
    async with server.async_client() as http:
        while len(seen) < count:
            asked = {"after": after, "wait": 30}
            page = (await http.get("/v1/changes", params=asked)).json()
            seen += [change["version"] for change in page["items"]]
            after = page["next"]
    return seen


async def check_watchers(one, other, act):
    """Who follows the changes on one node sees all that are made on two, once and in order."""
    async with one.async_client() as here, other.async_client() as there:
        assert (await here.put(CHAT, json={"kind": "conversation"})).status_code == 201
        after = (await here.get("/v1/changes", params={"after": "now"})).json()["next"]
        watching = [
            asyncio.create_task(watch(server, 12, after))
            for watch in (follow, poll)
            for server in (one, other)
        ]
        for number in range(6):
            for http in (here, there):
                assert (await http.post(CHAT + "/entries", json=SAID)).status_code == 200
            if number == 2:
                await asyncio.to_thread(act)
        async with asyncio.timeout(SECONDS):
            seen = await asyncio.gather(*watching)
        assert seen == [list(range(2, 14))] * 4


def nothing():
    """No fault."""


def test_with_a_store_in_postgresql_nodes_listen_there(empty_url, tmp_path, postgres):
    with two(tmp_path, empty_url) as (one, other):
        asyncio.run(check_watchers(one, other, nothing))
        # The server is shared, and nodes of other tests may listen in their own databases.
        listening = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'NOTIFY backstory_%'"
        )
        where = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory", "-d", "nodes")
        postgres.run("psql", *where, "-qc", f"DO $$ BEGIN ASSERT ({listening}) = 2; END $$")
        assert "change bus" not in one.errors()


def test_without_a_bus_nothing_is_lost_either(empty_url, tmp_path):
    with two(tmp_path, empty_url, "--bus", "memory://") as (one, other):
        asyncio.run(check_watchers(one, other, nothing))


@pytest.fixture
def mortal_redis(redis_server):
    with server_process.redis() as server:
        yield server


def test_redis_may_die_in_the_middle(empty_url, tmp_path, mortal_redis):
    bus = f"redis://127.0.0.1:{mortal_redis.port}"
    with two(tmp_path, empty_url, "--bus", bus) as (one, other):
        asyncio.run(check_watchers(one, other, mortal_redis.kill))
        assert one.errors().count("is away") == 2  # both write to this log


def test_a_node_starts_without_its_bus_says_so_once_and_finds_it_later(
    empty_url, tmp_path, mortal_redis
):
    bus = f"redis://:sesame@127.0.0.1:{mortal_redis.port}"
    mortal_redis.kill()
    with serving(tmp_path, "--bus", bus, store=empty_url) as node, node.client() as http:
        assert http.put(CHAT, json={"kind": "conversation"}).status_code == 201
        assert http.get("/v1/changes", params={"wait": 5}).json()["items"]
        until(lambda: "the change bus (Redis) is away" in node.errors(), "the warning")
        assert node.errors().count("change bus") == 1
        mortal_redis.start()
        until(lambda: "the change bus (Redis) is back" in node.errors(), "its return")
        assert "sesame" not in node.errors()


def doctor(*arguments):
    done = CliRunner().invoke(main, ["doctor", "--json", *arguments])
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    return found.get("bus"), done.exit_code


def test_the_doctor_says_whether_the_bus_can_be_reached(empty_url, tmp_path, redis_server):
    with serving(tmp_path, store=empty_url):
        pass
    assert doctor("--store", empty_url) == (
        {
            "name": "bus",
            "status": "ok",
            "detail": "messages pass by way of PostgreSQL",
            "next": None,
        },
        0,
    )
    redis = f"redis://127.0.0.1:{redis_server.port}"
    found, code = doctor("--store", empty_url, "--bus", redis)
    assert (found["status"], found["detail"], code) == ("ok", "messages pass by way of Redis", 0)
    found, code = doctor("--store", empty_url, "--bus", f"redis://:sesame@127.0.0.1:{free_port()}")
    assert (found["status"], code) == ("warning", 0)
    assert "Redis cannot be used" in found["detail"]
    assert "sesame" not in str(found)
    for without in (["--bus", "memory://"], ["--store", f"{empty_url}?pgbouncer=true"]):
        found, code = doctor("--store", empty_url, *without)
        assert (found["status"], code) == ("warning", 0)
        assert "leads past the pooler" in found["next"]
    assert doctor("--store", f"sqlite:///{tmp_path}/none.db") == (None, 0)
