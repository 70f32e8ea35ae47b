"""What load balancers do with what passes through them, as the node behind them sees it."""

import asyncio
import contextlib
import functools

import httpx
import pytest

import balancers
import server_process
from serving import SECONDS, until
from stand_in_node import READY, StandIn, standing_in

MANY = 256 * 2**20
PIECE = b"x" * 65536
CONTENT = "/v1/contexts/users.42/file/content"
CHAT = "/v1/contexts/users.42/chat/entries"


@contextlib.asynccontextmanager
async def between(name, *stand_ins, change=lambda text: text):
    """The load balancer's port, with these behind it, once HAProxy knows who is not ready."""
    if server_process.program(name) is None:
        pytest.skip(server_process.MISSING[name])
    async with standing_in(*stand_ins):
        running = balancers.balancing(name, stand_ins, change)
        balancer = await asyncio.to_thread(running.__enter__)
        try:
            for number, one in enumerate(stand_ins):
                for backend in one.unready:
                    down = functools.partial(balancers.told, balancer, number, "DOWN", backend)
                    await asyncio.to_thread(until, down, "the check")
            yield balancer.port
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


@contextlib.asynccontextmanager
async def connected(port, request):
    """One connection on which a request was begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        writer.write(request.encode())
        async with asyncio.timeout(SECONDS):
            yield reader, writer
    finally:
        writer.close()


async def test_a_download_comes_as_it_is_sent_and_is_not_taken_in_before_it_is_read(name):
    read, sent = asyncio.Event(), []

    async def answer(head, reader, writer):
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {MANY}\r\n\r\n".encode() + PIECE)
        await read.wait()  # nothing more comes before the client has the first piece
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):  # until nobody takes more
                while len(sent) * len(PIECE) < MANY:
                    writer.write(PIECE)
                    await writer.drain()
                    sent.append(1)
        done.set()
        return "close"

    done = asyncio.Event()
    nodes = StandIn(answer), StandIn(answer)
    async with (
        between(name, *nodes) as port,
        connected(port, f"GET {CONTENT} HTTP/1.1\r\nHost: localhost\r\n\r\n") as (reader, _),
    ):
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(PIECE)) == PIECE
        read.set()
        await done.wait()
    assert len(sent) * len(PIECE) < MANY / 4, "what a slow reader did not take was stored"


async def test_an_upload_goes_on_to_the_node_as_it_comes(name):
    got = asyncio.Event()

    async def answer(head, reader, writer):
        assert f"content-length: {MANY}" in head
        await reader.readexactly(len(PIECE))
        got.set()
        return "close"

    request = f"PUT {CONTENT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MANY}\r\n\r\n"
    async with (
        between(name, StandIn(answer), StandIn(answer)) as port,
        connected(port, request) as (_, writer),
    ):
        writer.write(PIECE)
        await got.wait()


async def test_an_event_comes_when_it_is_sent(name):
    read = asyncio.Event()

    async def answer(head, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
        await read.wait()
        writer.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    async with (
        between(name, StandIn(answer), StandIn(answer)) as port,
        connected(port, "GET /v1/changes HTTP/1.1\r\nHost: localhost\r\n\r\n") as (reader, _),
    ):
        await reader.readuntil(b"data: 1\n\n")
        read.set()
        await reader.readuntil(b"data: 2\n\n")


async def test_a_node_is_told_when_the_client_leaves(name):
    begun, left = asyncio.Event(), asyncio.Event()

    async def answer(head, reader, writer):
        begun.set()
        with contextlib.suppress(ConnectionError):  # which is also a way to say it
            assert await reader.read() == b""
        left.set()
        return "close"

    request = "GET /v1/changes?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with between(name, StandIn(answer), StandIn(answer)) as port:
        async with connected(port, request):
            await begun.wait()
        async with asyncio.timeout(SECONDS):
            await left.wait()


async def taken(head, reader, writer):
    """Read what came with the head, and answer."""
    size = int(head.partition("content-length: ")[2].split("\r\n")[0] or 0)
    await reader.readexactly(size)
    writer.write(READY)


class Silent:
    def write(self, data):
        """Nothing is said."""


async def gone(head, reader, writer):
    await taken(head, reader, Silent())
    return "close"


async def send(port, method, path, times=6, **headers):
    """As many requests as meet both nodes; their statuses."""
    url, statuses = f"http://localhost:{port}{path}", []
    for _ in range(times):
        async with httpx.AsyncClient(timeout=SECONDS) as http:
            body = None if method == "GET" else b"{}"
            answer = await http.request(method, url, content=body, headers=headers)
            statuses.append(answer.status_code)
            if answer.status_code >= 500:
                assert answer.json()["code"] == "outcome_unknown"
                assert answer.headers["retry-after"] == "1"
    return statuses


async def test_a_write_that_may_have_been_done_is_never_sent_again(name):
    broken, fine = StandIn(gone), StandIn(taken)
    async with between(name, broken, fine) as port:
        statuses = await send(port, "POST", CHAT)
    assert broken.requests, "the broken node was never met"
    assert len(broken.requests) + len(fine.requests) == len(statuses)
    assert sum(status != 200 for status in statuses) == len(broken.requests)


async def test_a_put_is_none_that_may_be_sent_again(name):
    broken, fine = StandIn(gone), StandIn(taken)
    async with between(name, broken, fine) as port:
        statuses = await send(port, "PUT", "/v1/contexts/users.42/plan")
    assert broken.requests
    assert len(broken.requests) + len(fine.requests) == len(statuses)


async def test_a_read_that_broke_off_is_sent_to_the_next_node(name):
    broken, fine = StandIn(gone), StandIn(taken)
    async with between(name, broken, fine) as port:
        assert set(await send(port, "GET", "/v1/whoami")) == {200}
    assert broken.requests


async def test_haproxy_sends_a_write_with_an_idempotency_key_again():
    broken, fine = StandIn(gone), StandIn(taken)
    async with between("haproxy", broken, fine) as port:
        assert set(await send(port, "POST", CHAT, **{"idempotency-key": "k"})) == {200}
        assert broken.requests
        kept = len(broken.requests) + len(fine.requests)
        assert 502 in await send(port, "POST", "/mcp", **{"idempotency-key": "k"})
        assert len(broken.requests) + len(fine.requests) == kept + 6


async def test_a_connection_that_is_not_made_leads_to_the_next_node(name):
    nobody, fine = StandIn(taken), StandIn(taken)
    async with between(name, nobody, fine) as port:
        nobody.leave()
        assert set(await send(port, "POST", CHAT)) == {200}
    assert len(fine.requests) == 6


EVERYTHING = (
    ("POST", CHAT),
    ("GET", CHAT),
    ("GET", "/v1/contexts"),
    ("POST", "/v1/search"),
    ("POST", "/v1/render"),
    ("POST", "/mcp"),
)


async def test_haproxy_sends_everything_where_the_store_is_reached():
    stale, ready = StandIn(taken, ready=False), StandIn(taken)
    async with between("haproxy", stale, ready) as port:
        for method, path in EVERYTHING:
            assert set(await send(port, method, path, times=4)) == {200}
    assert stale.requests == []


async def test_haproxy_sends_reads_where_copies_are_if_nobody_reaches_the_store():
    stale, away = StandIn(taken, ready=False), StandIn(taken, ready=False, stale=False)
    async with between("haproxy", stale, away) as port:
        for method, path in EVERYTHING:
            assert set(await send(port, method, path, times=4)) == {200}
    assert away.requests == []


async def test_haproxy_lets_a_node_say_itself_that_nobody_can_write():
    stale, other = StandIn(taken, ready=False), StandIn(taken, ready=False)
    async with between("haproxy", stale, other) as port:
        assert await send(port, "POST", CHAT, times=1) == [200]


async def test_haproxy_says_that_there_is_no_node():
    away = StandIn(taken, ready=False, stale=False), StandIn(taken, ready=False, stale=False)
    async with between("haproxy", *away) as port, httpx.AsyncClient() as http:
        answer = await http.get(f"http://localhost:{port}/v1/whoami")
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"] == "1"


async def test_nodes_are_told_who_asks_and_not_what_a_client_says_of_itself(name, monkeypatch):
    heads = []

    async def answer(head, reader, writer):
        heads.append(head)
        writer.write(READY)

    monkeypatch.setattr(balancers, "FORWARDED", balancers.re.compile("nothing is left out"))
    lies = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "gopher", "X-Forwarded-Port": "7"}
    lies |= {"Forwarded": "for=1.2.3.4", "Via": "1.1 me", "X-Other": "stays"}
    async with between(name, StandIn(answer), StandIn(answer)) as port, httpx.AsyncClient() as http:
        await http.get(f"http://localhost:{port}/v1/whoami", headers=lies)
    assert "x-forwarded-for: 127.0.0.1\r\n" in heads[0]
    assert "x-forwarded-proto: http\r\n" in heads[0]
    assert f"x-forwarded-host: localhost:{port}\r\n" in heads[0]
    assert "1.2.3.4" not in heads[0]
    assert "via:" not in heads[0]
    assert "x-forwarded-port" not in heads[0]
    assert "x-other: stays" in heads[0]
