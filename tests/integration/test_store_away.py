"""A server whose database goes away, seen by who calls it over HTTP."""

import asyncio

import pytest

from serving import SECONDS, serving_aside
from tcp_proxy import Proxy

CHAT = "/v1/contexts/users.1/chat"


@pytest.fixture
async def network(postgres):
    async with Proxy(postgres.port) as network:
        yield network


@pytest.fixture
async def served(tmp_path, postgres, postgres_url, network):
    url = postgres_url.replace(str(postgres.port), str(network.port))
    async with serving_aside(tmp_path, store=url) as served:
        answer = await served[1].put(CHAT, json={"kind": "conversation", "state": {"n": 1}})
        assert answer.status_code == 201
        yield served


async def until(http, path, holds):
    async with asyncio.timeout(SECONDS):
        while not holds(answer := await http.get(path)):  # noqa: ASYNC110 -- it is asked
            await asyncio.sleep(0.05)
        return answer


def is_unavailable(answer):
    found = answer.json()
    assert (answer.status_code, found["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == str(found["retry_after"])
    return True


async def test_while_the_database_is_gone_each_call_says_so_and_the_node_heals(served, network):
    server, http = served
    network.cut()
    opened = await until(http, "/healthz", lambda answer: answer.status_code == 503)
    assert opened.json()["checks"]["store"]["status"] == "failed"
    await until(
        http, "/healthz", lambda answer: answer.json()["checks"]["store"]["breaker"] != "closed"
    )
    assert (await http.get("/livez")).status_code == 200
    await until(http, "/readyz", lambda answer: answer.status_code == 503)
    entries = {"entries": [{"role": "user", "content": "never"}]}
    writes = [http.post(f"{CHAT}/entries", json=entries) for _ in range(20)]
    reads = [http.get(CHAT) for _ in range(20)]
    assert all(map(is_unavailable, await asyncio.gather(*writes, *reads)))
    network.mend()
    await until(http, "/readyz", lambda answer: answer.status_code == 200)
    found = await http.get(CHAT, params={"entries": 10})
    assert (found.status_code, found.json()["entry_count"]) == (200, 0)
    counted = (await http.get("/metrics")).text
    for state in ("away", "there"):
        changes = f'backstory_dependency_changes_total{{dependency="database",state="{state}"}} 1.0'
        assert changes in counted
    assert await asyncio.to_thread(server.stop) == 0  # all lines are written then
    assert server.errors().count("the database does not answer; it is asked again") == 1
    assert server.errors().count("the database answers again") == 1


async def test_while_the_database_is_frozen_nobody_waits_longer_than_was_asked(served, network):
    """The time that a request may take is 30 s, which this test does not have."""
    _, http = served
    network.freeze()
    hurried = [http.get(CHAT, headers={"prefer": "wait=1"}) for _ in range(20)]
    fallen = until(http, "/readyz", lambda answer: answer.status_code == 503)
    async with asyncio.timeout(20):
        *answers, _ = await asyncio.gather(*hurried, fallen)
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["code"] for answer in answers} <= {"store_unavailable", "busy"}
    async with asyncio.timeout(20):
        assert is_unavailable(await http.get(CHAT))  # without a wish, and let go all the same
    network.mend()
    await until(http, "/readyz", lambda answer: answer.status_code == 200)
    assert (await http.get(CHAT)).status_code == 200
