"""Those who wait: many of them, until the server stops, and across processes."""

import asyncio
import json
import signal

import pytest

from serving import SECONDS, serving

EVENTS = {"accept": "text/event-stream"}


async def changed(http, name, namespace="a"):
    answer = await http.put(f"/v1/contexts/{namespace}/{name}", json={"kind": "session"})
    assert answer.status_code == 201


async def poll(http, after, **query):
    answer = await http.get("/v1/changes", params={"after": after, "wait": 60, **query})
    return answer.json()["items"]


async def now(http):
    return (await http.get("/v1/changes", params={"after": "now"})).json()["next"]


class Stream:
    """A reader of events over a real connection."""

    def __init__(self, http, **query):
        self._opened = http.stream("GET", "/v1/changes", params=query, headers=EVENTS)

    async def __aenter__(self):
        self.answer = await self._opened.__aenter__()
        assert self.answer.status_code == 200
        self.lines = self.answer.aiter_lines()
        await anext(self.lines)  # it has begun: the server listens
        return self

    async def __aexit__(self, *about):
        await self._opened.__aexit__(*about)

    async def change(self):
        async with asyncio.timeout(SECONDS):
            async for line in self.lines:
                if line.startswith("data: "):
                    return json.loads(line.removeprefix("data: "))
        return None


async def test_a_thousand_idle_watchers_cost_no_answer(server):
    """They wait over real connections; others are served, and all of them hear of the change."""
    async with (
        server.async_client() as http,
        asyncio.timeout(SECONDS),
        asyncio.TaskGroup() as group,
    ):
        after = await now(http)
        polls = [group.create_task(poll(http, after, namespace="crowd")) for _ in range(900)]
        streams = [group.create_task(first_event(http)) for _ in range(100)]
        await asyncio.gather(*(event.wait() for event in STARTED))
        for _ in range(20):
            assert (await http.get("/readyz")).status_code == 200
        await changed(http, "one", "crowd")
    assert all([item["name"] for item in task.result()] == ["one"] for task in polls)
    assert all(task.result()["name"] == "one" for task in streams)


STARTED = []


async def first_event(http):
    started = asyncio.Event()
    STARTED.append(started)
    async with Stream(http, after="now", namespace="crowd") as stream:
        started.set()
        return await stream.change()


async def test_a_stopping_server_ends_every_wait_properly(tmp_path):
    with serving(tmp_path) as server:
        async with server.async_client() as http, asyncio.timeout(SECONDS):
            await changed(http, "one")
            async with Stream(http, after="now") as stream, asyncio.TaskGroup() as group:
                polls = [group.create_task(poll(http, "now")) for _ in range(20)]
                await waiting(server, http, 21)
                server.signal(signal.SIGTERM)
                assert await stream.change() is None  # the end of a whole answer, not a cut
            assert all(task.result() == [] for task in polls)
        assert await asyncio.to_thread(server.wait) == 0
        assert "Traceback" not in server.errors()


async def waiting(server, http, count):
    """Until so many wait, as far as their requests are under way: one more answer behind them."""
    del server, count
    for _ in range(20):
        assert (await http.get("/livez")).status_code == 200


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two servers of one process each, on one file."""
    folder = tmp_path_factory.mktemp("pair")
    with serving(folder) as one, serving(folder, store=one.store) as two:
        yield one, two


async def test_changes_made_by_another_process_are_heard(pair):
    one, two = pair
    async with one.async_client() as here, two.async_client() as there:
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            waiting = group.create_task(poll(here, await now(here)))
            async with Stream(here, after="now") as stream:
                await changed(there, "elsewhere")
                assert (await stream.change())["name"] == "elsewhere"
        assert [item["name"] for item in waiting.result()] == ["elsewhere"]


async def test_a_cursor_of_one_process_is_read_by_another(pair):
    one, two = pair
    async with one.async_client() as here, two.async_client() as there:
        after = await now(here)
        await changed(here, "cursor")
        page = await there.get("/v1/changes", params={"after": after})
        assert [item["name"] for item in page.json()["items"]] == ["cursor"]


async def test_a_write_is_seen_by_the_other_process_at_once(pair):
    one, two = pair
    async with one.async_client() as here, two.async_client() as there:
        for number in range(50):
            body = {"kind": "session", "state": {"n": number}}
            written = await here.put("/v1/contexts/a/linear", json=body)
            read = await there.get("/v1/contexts/a/linear")
            assert read.headers["etag"] == written.headers["etag"]
            assert read.json()["state"] == {"n": number}
