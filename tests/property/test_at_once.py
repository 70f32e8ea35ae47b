"""What is answered where it comes in is answered in the bytes that a task would have sent."""

import asyncio
import json
import re
from itertools import count
from unittest.mock import patch

import pytest
import uvicorn
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backstory import limits
from backstory.cli.serving.direct import Direct
from backstory.cli.serving.one import SERVER
from backstory.cli.serving.protocol import BoundedProtocol, State
from backstory.config import load
from backstory.wiring import app, at_once, open_app
from mcp_requests import READS, requests

OWN = "LOG000"
"""Stands for a name that each run has for itself."""
CHANCE = re.compile(
    rb'"(trace_id|render_id|created_at|updated_at)": ?"[^"]*"|"id": ?"[0-9a-z]{16}"'
)
PATHS = [
    "/v1/contexts/users.42/chat",
    "/v1/contexts/users.42/chat/",
    "/v1/contexts/users.42/ch%61t",
    "/v1/contexts/users.42/none",
    "/v1/contexts/users.42/gone",
    "/v1/contexts/users.42/large",
    "/v1/contexts/users..42/chat",
    "/v1/contexts/users.42/chat/entries",
    "/v1/contexts/users.42/chat/entries/1",
    "/v1/contexts//chat",
    "//v1/contexts/users.42/chat",
    "/v1/contexts/users.42/chat#entries",
    "/v1/contexts",
    "/livez",
    "/nowhere",
    "*",
]
QUERIES = [
    "",
    "",
    "?",
    "?entries=2",
    "?entries=50",
    "?after=1&limit=2",
    "?order=desc",
    "?format=openai.chat",
    "?since=1",
    "?at=2",
    "?at=99",
    "?nonsense=1",
]
HEADERS = [
    ("if-none-match", '"3"'),
    ("if-none-match", 'W/"3-gzip", "9"'),
    ("if-none-match", '"3-zstd"'),
    ("if-none-match", "*"),
    ("if-none-match", "nonsense"),
    ("if-match", '"1"'),
    ("if-match", '"3"'),
    ("accept-encoding", "gzip"),
    ("accept-encoding", "zstd, br;q=0.5"),
    ("accept-encoding", "identity;q=0, *;q=0"),
    ("prefer", "wait=1"),
    ("cache-control", "no-cache"),
    ("origin", "http://localhost"),
    ("origin", "https://elsewhere.example"),
    ("sec-fetch-site", "cross-site"),
    ("via", "1.1 proxy"),
    ("host", "localhost"),
    ("connection", "close"),
    ("expect", "100-continue"),
    ("authorization", "Bearer x"),
    ("x-large", "y" * limits.HEADER_BYTES),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self):
        super().__init__()
        self.written, self.closed = bytearray(), False

    def write(self, data):
        if not self.closed:
            self.written += data

    def close(self):
        self.closed = True

    abort = close

    def is_closing(self):
        return self.closed

    def get_extra_info(self, name, default=None):
        return ("127.0.0.1", 8765) if name in {"peername", "sockname"} else default

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


class Server:
    """One application, which is asked in either way."""

    def __init__(self, running):
        self.config = uvicorn.Config(running.app, lifespan="off", **SERVER)
        self.config.load()
        self.direct = Direct(running.at_once, running.shortly)
        self.runs = count()

    async def sent(self, pieces, *, directly, patiently=False):
        """What is on the wire after the pieces have come, whether it is closed, and the tasks.

        Whoever is patient sends nothing before what was sent is answered.
        """
        state, wire, own = State(), Wire(), b"l%05d" % next(self.runs)
        pieces = [piece.replace(OWN.encode(), own) for piece in pieces]
        state.default_headers = [(b"date", b"today")]
        state.direct = self.direct if directly else None
        protocol = BoundedProtocol(config=self.config, server_state=state, app_state={})
        protocol.connection_made(wire)
        tasks = 0
        for piece in pieces:
            protocol.data_received(piece)
            tasks = max(tasks, len(state.tasks))
            if patiently:
                await self._settled(protocol)
        await self._settled(protocol)
        protocol.connection_lost(None)
        while state.tasks:
            await asyncio.wait(state.tasks)
        written = bytes(wire.written).replace(own, OWN.encode())
        return CHANCE.sub(b"", written), wire.closed, tasks

    async def _settled(self, protocol):
        """Everything is answered, but for what does not come to its end."""
        tasks = protocol.server_state.tasks
        while tasks and not (_waits_for_more(protocol) and len(tasks) == 1):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def _waits_for_more(protocol):
    return protocol.cycle.more_body and not protocol.pipeline


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module", params=["knowing"])
def server(request, runner, tmp_path_factory):
    """One that knows whether it has what is asked for, or is `asking`, as with a store on a server.

    Or one that is reached by HTTPS, whose answers say more.
    """
    secure = request.param == "secure"
    store = tmp_path_factory.mktemp("at_once") / "test.db"
    opened, over = asyncio.Queue(), asyncio.Event()

    async def serve():
        settings = load({"store": f"sqlite:///{store}"}, environ={})
        with (
            patch.object(app, "knows", return_value=request.param != "asking"),
            patch.object(app, "is_secure", return_value=secure),
            patch.object(at_once, "is_secure", return_value=secure),
        ):
            async with open_app(settings) as running:
                opened.put_nowait(Server(running))
                await over.wait()

    async def begin():
        task = asyncio.create_task(serve())
        server = await opened.get()
        for made in MADE:
            answer, _, _ = await server.sent([made], directly=False)
            assert answer.startswith(b"HTTP/1.1 20"), answer
        return server, task

    async def end():
        over.set()
        await task

    server, task = runner.run(begin())
    yield server
    runner.run(end())


def raw(method, target, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if not any(name == "host" for name, _ in headers):
        lines.append("Host: localhost")
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def write(method, path, value):
    body = json.dumps(value).encode()
    return raw(
        method, f"/v1/contexts/users.42/{path}", [("content-type", "application/json")], body
    )


def _entries(*texts):
    return {"entries": [{"role": "user", "content": text} for text in texts]}


MADE = [
    write("PUT", "chat", {"kind": "session", "state": {"text": "té" * 700}}),
    write("POST", "chat/entries", _entries("one", "two")),
    write("POST", "chat/entries", _entries(*"abcdefgh")),
    write("PUT", "notes", {"kind": "session", "state": {"text": "té"}}),
    write("PUT", "large", {"kind": "session", "state": {"text": "x" * 60_000}}),
    write("PUT", "gone", {"kind": "session"}),
    raw("DELETE", "/v1/contexts/users.42/gone"),
]


@st.composite
def rest_requests(draw):
    method = draw(st.sampled_from(["GET", "GET", "GET", "HEAD", "OPTIONS"]))
    target = draw(st.sampled_from(PATHS)) + draw(st.sampled_from(QUERIES))
    headers = draw(st.lists(st.sampled_from(HEADERS), max_size=2))
    body = draw(st.sampled_from([b"", b"", b"body"]))
    return raw(method, target, headers, body)


MADE_OWN = raw(
    "PUT",
    f"/v1/contexts/users.42/{OWN}",
    [("content-type", "application/json")],
    b'{"kind": "conversation"}',
)
BODIES = [
    json.dumps(_entries("one")).encode(),
    json.dumps(_entries("x" * 5000, "two")).encode(),
    b'{"entries":[{"role":"user","content":"same id","id":"one"}]}',
    b'{"entries":[{"role":"user","content":"twice"}],"entries":[]}',
    b'{"entries":[{"role":"no word","content":1}]}',
    b'{"entries":[]}',
    b'{"entries":',
    b"Where is my order?",
    b"",
]
MEDIA = ["application/json", "application/json; charset=utf-8", "text/plain", "image/png", ""]
SAID = [
    *HEADERS,
    ("idempotency-key", OWN),
    ("if-match", '"1"'),
    ("if-match", "nonsense"),
    ("content-encoding", "gzip"),
    ("content-type", "text/html"),
]


@st.composite
def appends(draw):
    method = draw(st.sampled_from(["POST", "POST", "POST", "PUT", "PATCH"]))
    name = draw(st.sampled_from([OWN, OWN, OWN, "none", "gone"]))
    said = [("content-type", media)] if (media := draw(st.sampled_from(MEDIA))) else []
    said += draw(st.lists(st.sampled_from(SAID), max_size=1))
    query = draw(st.sampled_from(["", "", "?role=user", "?format=openai.chat", "?nonsense=1"]))
    target = f"/v1/contexts/users.42/{name}/entries{query}"
    return raw(method, target, said, draw(st.sampled_from(BODIES)))


@st.composite
def conversations(draw):
    """A context is made, and appended to, by requests each in a piece of its own or torn."""
    asked = draw(st.lists(appends(), min_size=1, max_size=3))
    told = [MADE_OWN]
    for _ in range(draw(st.integers(1, 6))):
        one = draw(st.sampled_from(asked))
        cut = draw(st.sampled_from([0, 0, 0, 10, len(one) - 3]))
        told += [piece for piece in (one[:cut], one[cut:]) if piece]
    return told


@st.composite
def mcp_calls(draw):
    headers, body = draw(requests(READS))
    said = [(name, value.decode("latin-1")) for name, value in headers]
    said += draw(st.lists(st.sampled_from(HEADERS), max_size=1))
    return raw("POST", draw(st.sampled_from(["/mcp", "/mcp", "/mcp/", "/mcp?a=1"])), said, body)


@st.composite
def repeated(draw):
    """Some requests, and again some of them, each whole in a piece of its own or with others."""
    asked = draw(st.lists(rest_requests() | mcp_calls(), min_size=1, max_size=3))
    return [
        b"".join(draw(st.lists(st.sampled_from(asked), min_size=1, max_size=2))) for _ in range(6)
    ]


@st.composite
def pieces(draw):
    """Requests one behind the other, in pieces as they may come."""
    data = b"".join(draw(st.lists(rest_requests() | mcp_calls(), min_size=1, max_size=3)))
    if draw(st.booleans()):
        data = data[: draw(st.integers(1, len(data)))]  # somebody goes away
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    ends = [*cuts, len(data)]
    return [data[a:b] for a, b in zip([0, *cuts], ends, strict=True) if a < b]


CHAT, BODY = raw("GET", PATHS[0]), raw("GET", PATHS[0], body=b"body")


@given(pieces() | repeated() | conversations(), st.booleans())
@example([raw("GET", PATHS[0]) * 40], False)
@example([CHAT, CHAT, CHAT[:9], CHAT[9:], CHAT, CHAT * 2, CHAT, b"\r\n", CHAT, b"\r", CHAT], False)
@example([CHAT, CHAT, raw("GET", PATHS[0], [("connection", "close")]), CHAT], False)
@example([CHAT, raw("GET", PATHS[0], [("upgrade", "h2c"), ("connection", "upgrade")]), CHAT], False)
@example([CHAT, BODY[:-2], BODY[-2:], CHAT, BODY, CHAT], False)
@example([CHAT, CHAT, raw("GET", PATHS[2]), CHAT, CHAT], False)
@example(
    [raw("GET", PATHS[0], [("transfer-encoding", "chunked")]) + b"3\r\nabc\r\nnonsense"], False
)
@settings(max_examples=120, deadline=None)
@pytest.mark.parametrize("server", ["knowing", "asking", "secure"], indirect=True)
def test_what_goes_out_is_the_same(server, runner, pieces, patiently):
    async def both():
        return [
            await server.sent(pieces, directly=directly, patiently=patiently)
            for directly in (True, False)
        ]

    (ours, ours_closed, _), (theirs, theirs_closed, _) = runner.run(both())
    assert ours == theirs
    assert ours_closed == theirs_closed


def called(named, /, method="tools/call", **params):
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}
    headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
        ("mcp-name", named),
    ]
    return raw("POST", "/mcp", headers, json.dumps(message).encode())


HERE = "context://users.42/chat"


@pytest.mark.parametrize(
    ("asked", "tasks"),
    [
        (raw("GET", PATHS[0]), 0),
        (raw("GET", PATHS[0], [("if-none-match", '"3"')]), 0),
        (raw("GET", PATHS[0], [("accept-encoding", "gzip, deflate, br, zstd")]), 0),
        (raw("GET", PATHS[0] + "/entries?after=8"), 0),
        (called("read_context", name="read_context", arguments={"context": "users.42/chat"}), 0),
        (called(HERE, "resources/read", uri=HERE), 0),
        (raw("GET", PATHS[0] + "/entries?limit=1000"), 1),
        (called("list_contexts", name="list_contexts", arguments={}), 1),
        (raw("GET", PATHS[0], [("origin", "http://localhost")]), 1),
        (raw("GET", PATHS[3]), 1),
        (raw("HEAD", PATHS[0]), 1),
    ],
    ids=str,
)
def test_only_what_waits_for_something_gets_a_task(server, runner, asked, tasks):
    _, _, made = runner.run(server.sent([asked], directly=True))
    assert made == tasks


def test_headers_that_come_again_are_not_read_again(server, runner, monkeypatch):
    read = []

    class Counted(BoundedProtocol):
        def on_headers_complete(self):
            read.append(self.url)
            super().on_headers_complete()

    monkeypatch.setitem(globals(), "BoundedProtocol", Counted)
    tool = called("read_context", name="read_context", arguments={"context": "users.42/chat"})
    other = raw("GET", "/v1/contexts/users.42/ch%61t?")
    sent, _, tasks = runner.run(
        server.sent([CHAT, tool, tool, other, CHAT, CHAT * 2], directly=True)
    )
    assert sent.count(b"HTTP/1.1 200 OK") == 7
    assert read == [b"/v1/contexts/users.42/chat", b"/mcp", *[b"/v1/contexts/users.42/chat"] * 2]
    assert tasks == 0


def test_who_sends_many_at_once_lets_others_have_a_turn(server, runner):
    """What comes in one piece is answered in one callback, which nobody else comes between."""
    sent, _, tasks = runner.run(server.sent([raw("GET", PATHS[0]) * 40], directly=True))
    assert sent.count(b"HTTP/1.1 200 OK") == 40
    assert tasks == 1


def append(*texts, headers=()):
    body = json.dumps(_entries(*texts)).encode()
    said = [("content-type", "application/json"), *headers]
    return raw("POST", f"/v1/contexts/users.42/{OWN}/entries", said, body)


async def nobody(scope, receive, send):
    raise AssertionError("the applications were asked")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([append("one"), append("two"), append("six", headers=[("idempotency-key", "k")])], 200),
        ([append("one"), append("one", headers=[("traceparent", "nonsense")])], 200),
        ([append("one", headers=[("if-match", '"9"')])], 412),
        ([append("one", headers=[("accept-encoding", "gzip")])], 200),
        ([append()], 422),
        ([raw("GET", PATHS[0] + "/entries?limit=1000")] * 3, 200),
        ([raw("GET", PATHS[3])] * 2, 404),
    ],
    ids=str,
)
def test_what_waits_does_not_go_through_the_applications(
    server, runner, monkeypatch, asked, status
):
    async def both():
        await server.sent([MADE_OWN], directly=False)
        server.runs = count(next(server.runs) - 1)  # the same context
        monkeypatch.setattr(server.config, "loaded_app", nobody)
        return await server.sent(asked, directly=True, patiently=True)

    sent, _, _ = runner.run(both())
    assert sent.count(b"HTTP/1.1 %d " % status) == len(asked), sent


def test_an_answer_that_breaks_on_its_way_out_is_a_500(server, runner, monkeypatch):
    def broken(answer, said):
        raise RuntimeError("a header that is none")

    monkeypatch.setattr(server.direct, "wire", broken)
    asked = raw("GET", PATHS[0] + "/entries?limit=1000")
    sent, _, _ = runner.run(server.sent([asked], directly=True))
    assert sent.startswith(b"HTTP/1.1 500 ")


class Asked:
    """A connection on which an append is under way."""

    def __init__(self, server):
        self.state, self.wire, self.own = State(), Wire(), b"l%05d" % next(server.runs)
        self.state.default_headers, self.state.direct = [(b"date", b"today")], server.direct
        self.protocol = BoundedProtocol(config=server.config, server_state=self.state, app_state={})

    async def begin(self, server):
        self.protocol.connection_made(self.wire)
        self.send(MADE_OWN)
        await self.over()
        self.wire.written.clear()
        self.send(append("one"))

    def send(self, data):
        self.protocol.data_received(data.replace(OWN.encode(), self.own))

    async def over(self):
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)
        return bytes(self.wire.written)


def test_an_append_whose_client_leaves_is_kept(server, runner):
    async def asked():
        one = Asked(server)
        await one.begin(server)
        one.protocol.connection_lost(None)
        assert await one.over() == b""
        path = f"/v1/contexts/users.42/{one.own.decode()}"
        return await server.sent([raw("GET", path)], directly=True)

    sent, _, _ = runner.run(asked())
    assert b'"version":2,' in sent


def test_an_append_that_a_server_leaves_behind_is_answered_and_its_connection_closed(
    server, runner
):
    async def asked():
        one = Asked(server)
        await one.begin(server)
        one.protocol.shutdown()
        return await one.over(), one.wire.closed

    sent, closed = runner.run(asked())
    assert sent.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\nconnection: close\r\n" in sent
    assert closed


def test_an_append_waits_for_a_client_that_does_not_read(server, runner):
    async def asked():
        one = Asked(server)
        await one.begin(server)
        one.protocol.pause_writing()
        done, _ = await asyncio.wait(one.state.tasks, timeout=0.2)
        assert not done
        assert one.wire.written == b""
        one.protocol.resume_writing()
        return await one.over()

    assert runner.run(asked()).startswith(b"HTTP/1.1 200 OK")


def test_what_comes_behind_an_append_is_answered_behind_it(server, runner):
    async def asked():
        one = Asked(server)
        await one.begin(server)
        one.send(append("two"))
        one.send(CHAT + append("three"))
        return await one.over()

    sent = runner.run(asked())
    assert re.findall(rb'"(?:first_seq|kind)":("?[a-z0-9]+)', sent) == [
        b"1",
        b"2",
        b'"session',
        b"3",
    ]
