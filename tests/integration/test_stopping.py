"""Stopping so that nobody notices: a node drains before it ends, and workers are replaced."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import httpx
import pytest

from serving import SECONDS, Wire, serving, until, workers_of

CHAT = "/v1/contexts/users.42/chat"
LONG = "600"  # a drain that does not end by itself while a test runs


def falls(server):
    with server.client() as http:
        until(lambda: http.get("/readyz").status_code == 503, "the fall of /readyz")


@pytest.fixture
def start(tmp_path):
    """Starts a node with the flags given, and ends it where no event loop runs."""
    with contextlib.ExitStack() as stack:
        yield lambda *flags: stack.enter_context(serving(tmp_path, *flags))


@pytest.fixture
async def connect():
    """Opens a connection to a node."""
    wires = []

    async def open_one(server):
        wires.append(await Wire.to(server))
        return wires[-1]

    yield open_one
    for wire in wires:
        wire.close()


async def told_to_stop(server):
    server.signal(signal.SIGTERM)
    await asyncio.to_thread(falls, server)


async def test_a_node_that_drains_serves_all_and_asks_everybody_to_leave(start, connect):
    server = await asyncio.to_thread(start, "--drain-seconds", LONG)
    watch, poll = await connect(server), await connect(server)
    watch.send("/v1/changes?after=now", "Accept: text/event-stream")
    assert (await watch.head())[0] == 200
    poll.send("/v1/changes?after=now&wait=60")
    await told_to_stop(server)
    async with server.async_client() as http:
        assert (await http.put(CHAT, json={"kind": "conversation"})).status_code == 201
    status, answer = await poll.answer()
    assert (status, len(answer["items"])) == (200, 1)
    async with asyncio.timeout(SECONDS):
        while not (await watch.line()).startswith("data: "):
            pass  # heartbeats
    server.signal(signal.SIGTERM)  # enough of that
    assert (await watch.rest()).endswith("0\r\n\r\n")
    assert await asyncio.to_thread(server.wait) == 0
    assert "Traceback" not in server.errors()


async def test_a_kept_connection_is_used_once_more_and_told_to_close(start, connect):
    server = await asyncio.to_thread(start, "--drain-seconds", LONG)
    kept = await connect(server)
    kept.send("/v1/whoami")
    assert (await kept.answer())[0] == 200
    await told_to_stop(server)
    kept.send("/v1/whoami")
    status, headers = await kept.head()
    assert (status, headers["connection"]) == (200, "close")
    server.signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.wait) == 0


async def test_a_drain_ends_by_itself(start, connect):
    server = await asyncio.to_thread(start, "--drain-seconds", "1")
    poll = await connect(server)
    poll.send("/v1/changes?after=now&wait=60")
    await told_to_stop(server)
    assert (await poll.answer())[0] == 200
    assert await asyncio.to_thread(server.wait) == 0


async def knock(server, refused, answered, stop):
    """A new connection for each write, as many proxies make them, until one is refused."""
    async with server.async_client(headers={"connection": "close"}) as http:
        while not stop.is_set():
            entry = {"role": "user", "content": "x"}
            try:
                answer = await http.post(f"{CHAT}/entries", json={"entries": [entry]})
            except httpx.ConnectError as error:
                refused.append(error)
                return
            assert answer.status_code == 200, answer.text
            answered.append(answer.json()["first_seq"])


async def stopped_under_load(start, *arguments):
    """What 16 writers met while the node stopped: nothing but answers and refusals."""
    server = await asyncio.to_thread(start, "--drain-seconds", "1", *arguments)
    async with server.async_client() as http:
        await http.put(CHAT, json={"kind": "conversation"})
    refused, answered, stop = [], [], asyncio.Event()
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(knock(server, refused, answered, stop))
        while len(answered) < 50:  # noqa: ASYNC110
            await asyncio.sleep(0)
        server.signal(signal.SIGTERM)
    assert len(refused) == 16
    assert sorted(answered) == list(range(1, len(answered) + 1))
    assert await asyncio.to_thread(server.wait) == 0


async def test_no_connection_is_lost_in_the_queue_of_a_node_that_stops(start):
    await stopped_under_load(start)


async def test_nor_in_that_of_workers(start):
    await stopped_under_load(start, "--workers", "2")


async def go_on(server, answered, stop):
    """Writes on a kept connection, until told to stop."""
    async with server.async_client() as http:
        while not stop.is_set():
            entry = {"role": "user", "content": "x"}
            answer = await http.post(f"{CHAT}/entries", json={"entries": [entry]})
            assert answer.status_code == 200, answer.text
            assert (await http.get("/readyz")).status_code == 200
            answered.append(answer.json()["first_seq"])


async def test_workers_are_replaced_while_nobody_notices(start):
    server = await asyncio.to_thread(start, "--workers", "2", "--drain-seconds", LONG)
    async with server.async_client() as http:
        await http.put(CHAT, json={"kind": "conversation"})
    before = set(workers_of(server))
    answered, stop = [], asyncio.Event()
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(go_on(server, answered, stop))
        server.signal(signal.SIGHUP)
        gone = lambda: not before & set(workers_of(server)) and len(set(workers_of(server))) == 2  # noqa: E731
        await asyncio.to_thread(until, gone, "the end of the old workers")
        count = len(answered)
        while len(answered) < count + 50:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stop.set()
    assert sorted(answered) == list(range(1, len(answered) + 1))
    assert "Traceback" not in server.errors()


async def test_workers_whose_supervisor_was_killed_drain_like_any_node(start, connect):
    server = await asyncio.to_thread(start, "--workers", "2", "--drain-seconds", "1")
    pids = set(workers_of(server))
    poll = await connect(server)
    poll.send("/v1/changes?after=now&wait=60")
    os.kill(server.process.pid, signal.SIGKILL)
    await asyncio.to_thread(falls, server)
    assert (await poll.answer())[0] == 200
    await asyncio.to_thread(until, lambda: not any(map(runs, pids)), "their end")


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("count", ["1", "2"])
async def test_a_second_signal_ends_the_drain(start, count):
    server = await asyncio.to_thread(start, "--workers", count, "--drain-seconds", LONG)
    await told_to_stop(server)
    server.signal(signal.SIGINT)
    assert await asyncio.to_thread(server.wait) == 0
    assert "Traceback" not in server.errors()
