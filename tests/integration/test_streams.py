"""Those who wait: many of them, until the server stops, and across processes."""

import asyncio
import json
import signal

import pytest

from serving import SECONDS, Wire, serving

EVENTS = "Accept: text/event-stream"
POLLS = 900
STREAMS = 100


async def changed(http, name, namespace="a"):
    answer = await http.put(f"/v1/contexts/{namespace}/{name}", json={"kind": "session"})
    assert answer.status_code == 201


async def now(http):
    return (await http.get("/v1/changes", params={"after": "now"})).json()["next"]


async def arrived(http):
    """What was sent before is under way now: the server reads all its connections in turn."""
    for _ in range(20):
        assert (await http.get("/livez")).status_code == 200


async def watch(server, count, path, *headers):
    """That many connections, each with one request under way."""
    wires = [await Wire.to(server) for _ in range(count)]
    for wire in wires:
        wire.send(path, *headers)
    return wires


async def event(wire):
    """The next change of a stream; None where it ended."""
    while line := await until_text(wire):
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))
    return None


async def until_text(wire):
    """The next line that says something; the last chunk of a stream has length 0."""
    while True:
        line = await wire.line()
        if line == "0":
            return None
        if ": " in line:
            return line


async def test_a_thousand_idle_watchers_cost_no_answer(server):
    """They wait over real connections; others are served, and all of them hear of the change."""
    async with server.async_client() as http, asyncio.timeout(SECONDS):
        path = f"/v1/changes?namespace=crowd&after={await now(http)}"
        polls = await watch(server, POLLS, f"{path}&wait=60")
        streams = await watch(server, STREAMS, path, EVENTS)
        for stream in streams:
            assert (await stream.head())[0] == 200
        await arrived(http)
        assert (await http.get("/readyz")).status_code == 200
        await changed(http, "one", "crowd")
        for poll in polls:
            status, page = await poll.answer()
            assert (status, [item["name"] for item in page["items"]]) == (200, ["one"])
        for stream in streams:
            assert (await event(stream))["name"] == "one"
        for wire in polls + streams:
            wire.close()
        await arrived(http)


async def test_a_stopping_server_ends_every_wait_properly(own):
    async with own.async_client() as http, asyncio.timeout(SECONDS):
        await changed(http, "one")
        polls = await watch(own, 20, "/v1/changes?after=now&wait=60")
        streams = await watch(own, 5, "/v1/changes?after=now", EVENTS)
        for stream in streams:
            assert (await stream.head())[0] == 200
        await arrived(http)
        own.signal(signal.SIGTERM)
        for poll in polls:
            status, page = await poll.answer()
            assert (status, page["items"]) == (200, [])
        for stream in streams:
            assert (await stream.rest()).endswith("0\r\n\r\n")  # a whole answer, not a cut
        for wire in polls + streams:
            wire.close()
    assert await asyncio.to_thread(own.wait) == 0
    assert "Traceback" not in own.errors()


async def test_a_reader_that_does_not_read_holds_up_nobody(server):
    """Its stream stands still when its buffers are full; others hear all the same."""
    large = {"entries": [{"role": "user", "content": "x"}] * 1000}
    async with server.async_client() as http, asyncio.timeout(SECONDS):
        await changed(http, "many", "slow")
        (slow,) = await watch(server, 1, "/v1/changes?namespace=slow&after=now", EVENTS)
        (quick,) = await watch(server, 1, "/v1/changes?namespace=slow&after=now", EVENTS)
        await slow.head()
        await quick.head()
        for number in range(20):
            await http.post("/v1/contexts/slow/many/entries", json=large)
            assert (await event(quick))["version"] == number + 2
        slow.close()
        quick.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two servers of one process each, on one file."""
    folder = tmp_path_factory.mktemp("pair")
    with serving(folder) as one, serving(folder, store=one.store) as two:
        yield one, two


async def test_changes_made_by_another_process_are_heard(pair):
    one, two = pair
    async with one.async_client() as here, two.async_client() as there, asyncio.timeout(SECONDS):
        after = await now(here)
        (poll,) = await watch(one, 1, f"/v1/changes?after={after}&wait=60")
        (stream,) = await watch(one, 1, f"/v1/changes?after={after}", EVENTS)
        await stream.head()
        await arrived(here)
        await changed(there, "elsewhere")
        assert (await event(stream))["name"] == "elsewhere"
        assert [item["name"] for item in (await poll.answer())[1]["items"]] == ["elsewhere"]
        stream.close()
        poll.close()


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
