"""Workers that die, freeze or grow are replaced while the others serve, and nothing is lost."""

import asyncio
import contextlib
import os
import re
import signal
import socket

import httpx
import pytest

from serving import SECONDS, failing, runs, serving, until, workers_of

CHAT = "/v1/contexts/users.42/chat"
ENTRY = {"role": "user", "content": "x"}
SILENCE = "2"
FREEZING = """
import signal, threading
# Stops the main thread, and with it the event loop; other threads run on.
signal.signal(signal.SIGQUIT, lambda *_: threading.Event().wait())
"""
pytestmark = [pytest.mark.faults, pytest.mark.operations]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Two workers whose event loop stands still at SIGQUIT."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "sitecustomize.py").write_text(FREEZING)
    env = {"PYTHONPATH": str(folder)}
    flags = ("--workers", "2", "--worker-silence-seconds", SILENCE)
    with serving(folder, *flags, env=env) as server, server.client() as http:
        http.put(CHAT, json={"kind": "conversation"})
        yield server


def replaced(server, reason):
    with server.client() as http:
        page = http.get("/metrics").text
    found = re.search(
        rf'^backstory_workers_replaced_total{{reason="{reason}"}} (.*)$', page, re.MULTILINE
    )
    return float(found[1])


async def write(server, acknowledged, stop):
    """Appends with an id that is sent again until it is acknowledged, over any number of connections."""
    number = 0
    while not stop.is_set():
        number += 1
        entry = ENTRY | {"id": f"{id(asyncio.current_task())}-{number}"}
        while True:
            with contextlib.suppress(httpx.TransportError):
                async with httpx.AsyncClient(base_url=server.url, timeout=10) as http:
                    answer = await http.post(f"{CHAT}/entries", json={"entries": [entry]})
                    assert answer.status_code == 200, answer.text
                    acknowledged.append(entry["id"])
                    break


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGKILL, "died"), (signal.SIGSTOP, "silent"), (signal.SIGQUIT, "silent")],
    ids=["killed", "stopped", "frozen loop"],
)
async def test_no_acknowledged_write_is_lost_while_a_worker_is_replaced(node, number, reason):
    before = await asyncio.to_thread(replaced, node, reason)
    pids = workers_of(node)
    acknowledged, stop = [], asyncio.Event()

    def healed():
        now = workers_of(node)
        return len(now) == 2 and pids[0] not in now and replaced(node, reason) == before + 1

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(write(node, acknowledged, stop))
        while len(acknowledged) < 20:  # noqa: ASYNC110
            await asyncio.sleep(0)
        os.kill(pids[0], number)
        await asyncio.to_thread(until, healed, "a new worker")
        count = len(acknowledged)
        while len(acknowledged) < count + 20:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stop.set()
    async with node.async_client() as http:
        kept, cursor = [], None
        while cursor is not None or not kept:
            page = (await http.get(f"{CHAT}/entries", params=page_after(cursor))).json()
            kept += [item["id"] for item in page["items"]]
            cursor = page.get("next_cursor")
    assert len(kept) == len(set(kept))
    assert set(acknowledged) <= set(kept)


def page_after(cursor):
    return {"limit": 1000} | ({} if cursor is None else {"cursor": cursor})


def test_workers_that_die_again_and_again_are_replaced_later_and_that_is_told(tmp_path):
    with serving(tmp_path, "--workers", "2") as server, server.client() as http:
        spared = workers_of(server)[0]

        def waiting():
            for pid in set(workers_of(server)) - {spared}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return re.search(
                r"^backstory_workers_waiting 1.0$", http.get("/metrics").text, re.MULTILINE
            )

        until(waiting, "a pause")
        health = http.get("/healthz").json()
        assert health["status"] == "degraded"
        assert health["checks"]["workers"]["code"] == "workers_failing"
        assert http.get("/readyz").status_code == 200
        until(
            lambda: "in a row; another takes its place in" in server.errors(), "a line in the log"
        )
        # An operator who has mended the cause need not wait.
        server.signal(signal.SIGHUP)
        until(lambda: http.get("/healthz").json()["status"] == "ok", "health")
        assert server.stop() == 0


@pytest.fixture
def growing(tmp_path):
    with serving(tmp_path, "--workers", "2", "--worker-memory-megabytes", "1") as server:
        yield server


async def test_workers_that_grow_are_replaced_one_at_a_time_and_no_request_fails(growing):
    server = growing
    before = set(workers_of(server))
    stop, most = asyncio.Event(), []

    async def keep_writing():
        async with server.async_client() as http:
            while not stop.is_set():
                answer = await http.post(f"{CHAT}/entries", json={"entries": [ENTRY]})
                assert answer.status_code == 200, answer.text

    def gone():
        now = workers_of(server)
        most.append(len(now))
        return not before & set(now)

    async with server.async_client() as http:
        await http.put(CHAT, json={"kind": "conversation"})
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(keep_writing())
        await asyncio.to_thread(until, gone, "the end of the large workers")
        stop.set()
    assert max(most) == 3, "one more than there should be, while one takes another's place"
    assert await asyncio.to_thread(replaced, server, "memory") >= 2
    assert "more than worker_memory_megabytes" in server.errors()


def test_a_worker_that_does_not_hear_is_ended_with_the_others(tmp_path):
    flags = ("--workers", "2", "--worker-silence-seconds", SILENCE)
    with serving(tmp_path, *flags) as server:
        pids = workers_of(server)
        os.kill(pids[0], signal.SIGSTOP)
        assert server.stop() == 0
        assert not any(map(runs, pids))


def test_workers_that_cannot_start_end_the_server_with_one_line(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "test.db").write_bytes(b"no database" * 1000)
    with failing(tmp_path, "--workers", "2") as server:
        assert server.wait() == 1
        assert server.errors().count("error: ") == 1


def told(manager):
    return manager.recv(4096).decode().splitlines()


def told_at_last(manager, wanted):
    """The first message with this line; what comes before has been told, too."""
    before = []
    while wanted not in before:
        before += told(manager)
    return before


@pytest.mark.parametrize("megabytes", ["0", "100000"], ids=["alone", "supervised"])
def test_a_service_manager_hears_of_the_start_of_life_of_reloads_and_of_the_end(
    tmp_path, megabytes
):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SECONDS)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1200000"}
        with serving(tmp_path, "--worker-memory-megabytes", megabytes, env=env) as server:
            told_at_last(manager, "READY=1")
            for _ in range(3):
                told_at_last(manager, "WATCHDOG=1")
            assert bool(workers_of(server)) == (megabytes != "0")
            if workers_of(server):
                server.signal(signal.SIGHUP)
                told_at_last(manager, "RELOADING=1")
                told_at_last(manager, "READY=1")
            server.signal(signal.SIGTERM)
            told_at_last(manager, "STOPPING=1")
            assert server.wait() == 0
