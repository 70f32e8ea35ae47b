"""A node that is killed under load: what fails is what was under way there, and nothing is lost."""

import asyncio

import httpx
import pytest

import balancers
import server_process
from serving import SECONDS

CLIENTS = 16
CHAT = "/v1/contexts/users.42/chat"


@pytest.fixture(scope="module", params=["haproxy"])
def name(request):
    return request.param


@pytest.fixture
def killable(tmp_path, database):
    with balancers.nodes(tmp_path, database) as found:
        yield found


@pytest.fixture
def balancer(name, killable):
    with balancers.balancing(name, killable) as running:
        if running is None:
            pytest.skip(server_process.MISSING[name])
        yield running


async def send(http, text, failed, **safe):
    """Until it is acknowledged, as a client with retries does; the seq."""
    entry = {"role": "user", "content": text} | ({"id": text} if not safe else {})
    while True:
        try:
            answer = await http.post(f"{CHAT}/entries", json={"entries": [entry]}, **safe)
        except httpx.TransportError as error:
            failed.append(error)
            continue
        if answer.status_code == 200:
            return answer.json()["seqs"][0]
        assert answer.status_code in (502, 503, 504), answer.text
        assert answer.json()["code"] in ("outcome_unknown", "busy")
        failed.append(answer.status_code)


async def write(connect, writer, acknowledged, failed, stop):
    """Half of the writers make theirs safe by keys, which the load balancer knows; half by ids."""
    number = 0
    async with connect() as http:
        while not stop.is_set():
            text = f"{writer}-{number}"
            safe = {"headers": {"idempotency-key": text}} if writer % 2 else {}
            acknowledged[text] = await send(http, text, failed, **safe)
            number += 1


async def more(acknowledged, count):
    end = len(acknowledged) + count
    while len(acknowledged) < end:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


@pytest.mark.faults
async def test_what_a_killed_node_had_not_answered_is_all_that_fails(killable, connect):
    acknowledged, failed, stop = {}, [], asyncio.Event()
    async with connect() as http:
        await http.put(CHAT, json={"kind": "conversation"})
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for writer in range(CLIENTS):
            group.create_task(write(connect, writer, acknowledged, failed, stop))
        await more(acknowledged, 100)
        await asyncio.to_thread(killable[0].server.kill)
        await more(acknowledged, 100)
        stop.set()
    assert len(failed) <= CLIENTS, failed
    async with connect() as http:
        items, after = [], 0
        while after is not None:
            params = {"limit": 1000, "after": after}
            page = (await http.get(f"{CHAT}/entries", params=params)).json()
            items += page["items"]
            after = page["items"][-1]["seq"] if page["next"] else None
    assert {item["content"]: item["seq"] for item in items} == acknowledged
    assert [item["seq"] for item in items] == list(range(1, len(acknowledged) + 1))
