"""An asynchronous standby is promoted: what it never got is lost, and everybody can see that."""

import asyncio

import asyncpg
import pytest
from click.testing import CliRunner

from backstory.cli import main
from clusters.nodes import Node, started
from clusters.standbys import standby_of, succeed
from tcp_proxy import Proxy

FALL_SECONDS = 5

pytestmark = pytest.mark.cluster
CHAT = "/v1/contexts/team/chat"


async def say(client, text):
    entry = {"role": "user", "content": text}
    answer = await client.post(CHAT + "/entries", json={"entries": [entry]})
    assert answer.status_code == 200
    return answer.json()["version"]


async def caught_up(standby, entries):
    """Wait until the standby shows so many entries."""
    connection = await asyncpg.connect(standby.url())
    async with asyncio.timeout(60):
        while await connection.fetchval("SELECT count(*) FROM entries") < entries:
            await connection.execute("SELECT pg_sleep(0.01)")
    await connection.close()


async def test_a_promotion_that_lost_something_is_a_new_epoch(made, tmp_path):
    async with (
        Proxy(made.port) as between,
        standby_of(made, between.port, synchronous=False) as standby,
    ):
        hosts = f"127.0.0.1:{made.port},127.0.0.1:{standby.port}"
        store = f"postgresql://backstory@{hosts}/postgres?target_session_attrs=read-write"
        async with started(Node("one", tmp_path, store)) as (node,):
            async with node.client() as client:
                seen = await lose_one(client, made, standby, between)
                await is_refused_until_it_is_restarted(client, standby)
            await node.start()
            async with node.client() as client:
                await is_told_that_it_is_another_life(client, *seen)


async def lose_one(client, primary, standby, between):
    """What a client has seen: a head with its tag, and a cursor, of what is lost."""
    await client.put(CHAT, json={"kind": "conversation"})
    assert await say(client, "kept") == 2
    await caught_up(standby, 1)
    between.freeze()
    assert await say(client, "lost") == 3
    head = await client.get(CHAT)
    page = (await client.get("/v1/changes")).json()
    between.cut()
    await succeed(primary, standby)
    return head, page["next"]


async def is_refused_until_it_is_restarted(client, standby):
    """A node that was left running does nothing with a store that it does not know."""
    new_epoch = ["migrate", "--store", standby.url(), "--new-epoch"]
    done = await asyncio.to_thread(CliRunner().invoke, main, new_epoch)
    assert "has begun" in done.output
    entry = {"role": "user", "content": "of another life"}
    for _ in range(3):
        read = await client.get(CHAT, headers={"cache-control": "no-cache"})
        written = await client.post(CHAT + "/entries", json={"entries": [entry]})
        assert (read.status_code, written.status_code) == (503, 503)
    async with asyncio.timeout(FALL_SECONDS):  # what a probe was told is held for a moment
        while (ready := await client.get("/readyz")).status_code != 503:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    assert "restart it" in ready.text


async def is_told_that_it_is_another_life(client, head, cursor):
    before, tag = head.json()["epoch"], head.headers["etag"]
    assert await say(client, "another third version") == 3
    now = await client.get(CHAT, headers={"if-none-match": tag})
    assert now.status_code == 200  # and not: as you know it
    assert now.json()["epoch"] != before
    assert now.headers["etag"] == f'"3.{now.json()["epoch"]}"' != tag
    patch = {"headers": {"content-type": "application/merge-patch+json"}, "content": b'{"a": 1}'}
    patch["headers"]["if-match"] = tag
    assert (await client.patch(CHAT, **patch)).json()["code"] == "precondition_failed"
    patch["headers"]["if-match"] = now.headers["etag"]
    assert (await client.patch(CHAT, **patch)).status_code == 200
    since = await client.get(CHAT, params={"since": 2, "epoch": before})
    changes = await client.get("/v1/changes", params={"after": cursor})
    for answer in (since, changes):
        assert (answer.status_code, answer.json()["code"]) == (410, "history_gone")
    page = (await client.get(CHAT + "/entries")).json()
    assert [item["content"] for item in page["items"]] == ["kept", "another third version"]
