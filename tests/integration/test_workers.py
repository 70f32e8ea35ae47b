"""Two workers on one file: what was accepted was applied, and nothing else was."""

import asyncio
import os
import signal

import pytest

from serving import SECONDS, runs, serving, until, workers_of

WRITERS = 8
EACH = 12
CHAT = "/v1/contexts/users.42/chat"


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("workers"), "--workers", "2") as server:
        yield server


async def increment(client, accepted, refused):
    """Read, add one, write if nobody was faster; until it has been accepted often enough."""
    done = 0
    while done < EACH:
        read = await client.get("/v1/contexts/users.42/counter")
        state = {"n": read.json()["state"]["n"] + 1}
        answer = await client.put(
            "/v1/contexts/users.42/counter",
            json={"kind": "session", "state": state},
            headers={"if-match": read.headers["etag"]},
        )
        if answer.status_code == 200:
            accepted.append((answer.json()["version"], state["n"]))
            done += 1
        else:
            assert answer.status_code == 412
            refused.append(answer.json()["current_version"])


async def test_conditional_writes_are_accepted_exactly_when_they_are_applied(workers):
    accepted, refused = [], []
    async with workers.async_client() as http:
        body = {"kind": "session", "state": {"n": 0}}
        await http.put("/v1/contexts/users.42/counter", json=body)
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(own_connection(workers, increment, accepted, refused))
    async with workers.async_client() as http:
        final = (await http.get("/v1/contexts/users.42/counter")).json()
    assert final["state"]["n"] == WRITERS * EACH
    assert sorted(accepted) == [(n + 1, n) for n in range(1, WRITERS * EACH + 1)]
    assert refused, "the writers never met; the test shows nothing"


async def own_connection(server, write, *about):
    async with server.async_client() as client:
        await write(client, *about)


async def test_appends_never_conflict_and_leave_no_gap(workers):
    seqs = []

    async def append(client, writer):
        for number in range(EACH):
            entry = {"role": "user", "content": "x", "id": f"{writer}-{number}"}
            answer = await client.post(f"{CHAT}/entries", json={"entries": [entry]})
            assert answer.status_code == 200
            seqs.append((answer.json()["seqs"][0], entry["id"]))

    async with workers.async_client() as http:
        await http.put(CHAT, json={"kind": "conversation"})
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(own_connection(workers, append, writer))
        page = (await http.get(f"{CHAT}/entries", params={"limit": 1000})).json()
    assert sorted(seqs) == [(item["seq"], item["id"]) for item in page["items"]]
    assert [seq for seq, _ in sorted(seqs)] == list(range(1, WRITERS * EACH + 1))


async def test_an_idempotency_key_is_known_to_every_worker(workers):
    async def send(client, answers):
        headers = {"idempotency-key": "across"}
        body = {"entries": [{"role": "user", "content": "once"}]}
        path = "/v1/contexts/users.42/once/entries"
        answers.append(await client.post(path, json=body, headers=headers))

    answers = []
    async with workers.async_client() as http:
        await http.put("/v1/contexts/users.42/once", json={"kind": "conversation"})
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(own_connection(workers, send, answers))
        page = (await http.get("/v1/contexts/users.42/once/entries")).json()
    assert len(page["items"]) == 1
    assert {answer.text for answer in answers} == {answers[0].text}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


def test_workers_stay_in_the_group_of_their_supervisor(workers):
    pids = workers_of(workers)
    assert len(pids) == 2
    assert {os.getpgid(pid) for pid in pids} == {os.getpgid(workers.process.pid)}


def test_a_worker_that_dies_is_replaced(tmp_path):
    with serving(tmp_path, "--workers", "2") as server:
        before = workers_of(server)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(workers_of(server)) - set(before)) == 1, "a new worker")
        with server.client() as http:
            assert http.get("/readyz").status_code == 200
        assert server.stop() == 0


def test_workers_stop_when_their_supervisor_is_gone(tmp_path):
    with serving(tmp_path, "--workers", "2") as server:
        pids = workers_of(server)
        os.kill(server.process.pid, signal.SIGKILL)
        server.wait()
        until(lambda: not any(runs(pid) for pid in pids), "their end")
