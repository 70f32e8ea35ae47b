"""Everything works through a load balancer, whichever node a request comes to."""

import asyncio
import contextlib
import itertools
import json
import re

import pytest
from mcp.client.subscriptions import ResourceUpdated

import balancers
import server_process
from mcp_serving import client, raw, soon
from serving import SECONDS

_names = itertools.count(1)
PIECE = b"0123456789abcdef" * 4096
SIZE = 24 * 2**20


@pytest.fixture
def chat():
    return f"users.42/chat-{next(_names)}"


@pytest.fixture
def path(chat):
    return f"/v1/contexts/{chat}"


async def test_conditions_hold_on_every_node(http, path):
    made = await http.put(path, json={"kind": "session", "state": {"n": 0}})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    for number in range(1, 7):  # to one node and the other
        weak = {"if-match": f'W/"{number}"', "content-type": "application/merge-patch+json"}
        answer = await http.patch(path, json={"n": number}, headers=weak)
        assert (answer.status_code, answer.headers["etag"]) == (200, f'"{number + 1}"')
        stale = await http.patch(path, json={"n": 0}, headers=weak)
        assert (stale.status_code, stale.json()["current_version"]) == (412, number + 1)
        same = await http.get(path, headers={"if-none-match": f'W/"{number + 1}"'})
        assert same.status_code == 304


async def test_coded_answers_keep_their_tags(http, path):
    await http.put(path, json={"kind": "session", "state": {"text": "x" * 5000}})
    answer = await http.get(path, headers={"accept-encoding": "gzip"})
    assert (answer.headers["content-encoding"], answer.headers["etag"]) == ("gzip", '"1-gzip"')
    again = {"accept-encoding": "gzip", "if-none-match": 'W/"1-gzip"'}
    assert (await http.get(path, headers=again)).status_code == 304


async def test_a_long_poll_hears_of_what_comes_through_any_node(http, connect, path):
    here = (await http.get("/v1/changes", params={"after": "now"})).json()["next"]
    async with connect() as waiting:
        poll = asyncio.create_task(
            waiting.get("/v1/changes", params={"after": here, "wait": 60, "namespace": "users.42"})
        )
        await http.put(path, json={"kind": "conversation"})
        answer = await soon(poll)
    assert [item["name"] for item in answer.json()["items"]] == [path.rpartition("/")[2]]


async def test_events_go_on_where_they_ended(http, connect, path):
    await http.put(path, json={"kind": "conversation"})
    here = (await http.get("/v1/changes", params={"after": "now"})).json()["next"]
    seen = []
    for number in range(4):
        headers = {"accept": "text/event-stream", "last-event-id": here}
        async with connect() as one, one.stream("GET", "/v1/changes", headers=headers) as answer:
            body = {"entries": [{"role": "user", "content": str(number)}]}
            await http.post(f"{path}/entries", json=body)
            async with asyncio.timeout(SECONDS):
                async for line in answer.aiter_lines():
                    word, _, rest = line.partition(": ")
                    here = rest if word == "id" else here
                    if word == "data":
                        seen.append(json.loads(rest)["seqs"])
                        break
    assert seen == [[[number, number]] for number in range(1, 5)]


async def test_mcp_2026_works_on_any_node(url, http, chat):
    async with client(f"{url}/mcp") as session:
        arguments = {"context": chat, "kind": "conversation", "state": {}}
        await session.call_tool("write_context", arguments)
        for number in range(1, 7):
            entries = [{"role": "user", "content": "x"}]
            said = await session.call_tool("append_entries", {"context": chat, "entries": entries})
            assert said.structured_content["first_seq"] == number
        async with session.listen(resource_subscriptions=[f"context://{chat}"]) as subscription:
            body = {"entries": [{"role": "user", "content": "y"}]}
            await http.post(f"/v1/contexts/{chat}/entries", json=body)
            assert await soon(anext(subscription)) == ResourceUpdated(uri=f"context://{chat}")


async def test_a_session_of_2025_needs_no_stickiness(url, http, chat):
    await http.put(f"/v1/contexts/{chat}", json={"kind": "conversation"})
    async with raw(f"{url}/mcp") as one:
        await one.begin()
        for _ in range(6):
            assert (await one.post("ping")).json()["result"] == {}
        async with one.stream() as messages:
            subscribed = await one.post("resources/subscribe", {"uri": f"context://{chat}"})
            assert subscribed.json()["result"] == {}
            body = {"entries": [{"role": "user", "content": "y"}]}
            await http.post(f"/v1/contexts/{chat}/entries", json=body)
            message = await soon(anext(messages))
            assert message["method"] == "notifications/resources/updated"


async def test_large_content_goes_up_and_down(http, path):
    async def pieces():
        for _ in range(SIZE // len(PIECE)):
            yield PIECE

    await http.put(path, json={"kind": "document"})
    headers = {"content-type": "text/plain", "content-length": str(SIZE)}
    stored = await http.put(f"{path}/content", content=pieces(), headers=headers)
    assert stored.status_code in (200, 201), stored.text
    unknown = {"content-type": "text/plain"}  # in chunks, of a length that nobody tells
    again = await http.put(f"{path}/content", content=pieces(), headers=unknown)
    assert again.status_code == 200, again.text
    read = 0
    plain = {"accept-encoding": "identity"}
    async with http.stream("GET", f"{path}/content", headers=plain) as answer:
        async for piece in answer.aiter_raw():
            read += len(piece)
    assert read == SIZE
    part = await http.get(f"{path}/content", headers=plain | {"range": f"bytes={SIZE - 4}-"})
    assert (part.status_code, part.content) == (206, b"cdef")


TOO_LARGE = [("entries", 8 * 2**20 + 1), ("content", 256 * 2**20 + 1)]


@pytest.mark.parametrize(("part", "size"), TOO_LARGE)
async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(balancer, path, part, size):
    reader, writer = await asyncio.open_connection("127.0.0.1", balancer.port)
    method = "PUT" if part == "content" else "POST"
    writer.write(
        f"{method} {path}/{part} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    )
    with contextlib.closing(writer):
        head = (await soon(reader.readuntil(b"\r\n\r\n"))).decode().lower()
        body = await soon(reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1])))
    assert head.split()[1] == "413"
    assert json.loads(body)["code"] == "too_large"


async def test_a_long_head_is_the_nodes_to_judge_and_one_too_long_is_refused(http):
    for size, statuses in ((20_000, {200}), (31_000, {200}), (200_000, {400, 431})):
        headers = {f"x-{number}": "x" * 10_000 for number in range(size // 10_000)}
        answer = await http.get("/v1/whoami", headers=headers)
        assert answer.status_code in statuses, size


FEW = {
    "haproxy": lambda text: text.replace("gt 10000 }", "gt 20 }"),
    "nginx": lambda text: text.replace("rate=1000r/s", "rate=1r/m").replace(
        "burst=9000", "burst=20"
    ),
}
HURRIED = {
    "haproxy": lambda text: text.replace("http-request 10s", "http-request 1s"),
    "nginx": lambda text: text.replace("client_header_timeout 10s", "client_header_timeout 1s"),
}


@contextlib.asynccontextmanager
async def another(name, nodes, change):
    """The same with other numbers."""
    if server_process.program(name) is None:
        pytest.skip(server_process.MISSING[name])
    running = balancers.balancing(name, nodes, change)
    balancer = await asyncio.to_thread(running.__enter__)
    try:
        yield balancer.port
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def test_too_many_requests_are_told_to_come_later(name, nodes, http):
    async with another(name, nodes, FEW[name]) as port:
        url = f"http://localhost:{port}/v1/whoami"
        answers = [await http.get(url) for _ in range(40)]
    assert [answer.status_code for answer in answers[:19]] == [200] * 19
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "rate_limited"
    assert answers[-1].headers["retry-after"] == "1"


async def test_who_sends_a_head_slowly_is_not_waited_for(name, nodes):
    async with another(name, nodes, HURRIED[name]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/whoami HTTP/1.1\r\nHost: local")
        with contextlib.closing(writer), contextlib.suppress(ConnectionResetError):
            assert (await soon(reader.read()))[:12] in (b"", b"HTTP/1.1 408")
