"""Serves MCP over a real store and real sockets, as whoever a test says."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import httpx2
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from backstory.clock import SystemClock
from backstory.contexts.service import Contexts
from backstory.domain.principals import LOCAL_ADMIN
from backstory.messaging.local import LocalBus
from backstory.processing.formats import FORMATS
from backstory.processing.ruling import PipelineRules
from backstory.rendering.counters import count_stored
from backstory.rendering.service import Renderer
from backstory.storage.sqlite import open_store
from backstory.transports.edge.guard import Guard
from backstory.transports.mcp.callers import Served
from backstory.transports.mcp.http import mcp_app
from backstory.transports.mcp.tools import TABLE

MODERN, OLDER = "2026-07-28", "2025-11-25"
ERAS = [MODERN, "legacy"]
WAIT = 20  # seconds, the longest any test waits for something
JSON_AND_EVENTS = "application/json, text/event-stream"


@asynccontextmanager
async def opened(path, clock=None):
    """Contexts over a store, as another process would open it."""
    clock = clock or SystemClock()
    store = await open_store(path, clock=clock)
    async with over(store, LocalBus(store.data_version), clock) as contexts:
        yield contexts


@asynccontextmanager
async def over(store, bus, clock):
    """Contexts over a store and a bus, which are closed with them."""
    contexts = Contexts(store, bus, clock, PipelineRules(count=count_stored))
    try:
        yield contexts
    finally:
        await contexts.aclose()
        await bus.aclose()
        await store.aclose()


def served(contexts, extension=None):
    """With a renderer, as the wiring makes it; and an extension, as if it were installed."""
    renderer = Renderer(
        contexts.reader, contexts.store, contexts.seal, FORMATS, finds=contexts.searcher
    )
    extensions = {} if extension is None else {"test": extension}
    return Served(contexts, renderer, extensions=extensions)


async def call(contexts, tool, principal=LOCAL_ADMIN, **arguments):
    """What a tool answers; an error fails the test."""
    answer = await TABLE[tool].call(served(contexts), principal, arguments)
    assert not answer.error, answer.json
    return json.loads(answer.json)


async def fail(contexts, tool, principal=LOCAL_ADMIN, **arguments):
    """The tool error."""
    answer = await TABLE[tool].call(served(contexts), principal, arguments)
    assert answer.error, answer.json
    return json.loads(answer.json)


async def create(contexts, name="users.42/chat", kind="conversation", state=None, **more):
    return await call(contexts, "write_context", context=name, kind=kind, state=state or {}, **more)


async def say(contexts, *texts, name="users.42/chat", role="user"):
    entries = [{"role": role, "content": text} for text in texts]
    return await call(contexts, "append_entries", context=name, entries=entries)


def guarded(app, principals=None):
    """Behind the edge; who calls is named by the bearer token, else the administrator."""
    known = {"": LOCAL_ADMIN} | {f"Bearer {name}": who for name, who in (principals or {}).items()}

    def authenticate(scope):
        return known[dict(scope["headers"]).get(b"authorization", b"").decode()]

    return Guard(app, authenticate)


@asynccontextmanager
async def serving(contexts, principals=None, extension=None):
    """The URL of a server on a free port."""
    async with (
        mcp_app(served(contexts, extension)) as app,
        _listening(guarded(app, principals)) as port,
    ):
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            contexts.hub.drain()


@asynccontextmanager
async def _listening(app):
    """uvicorn on a free port, without its own loop, which looks ten times a second only."""
    config = uvicorn.Config(app, lifespan="off", log_level="error", ws="none")
    config.load()
    state = uvicorn.Server(config).server_state

    def protocol():
        return config.http_protocol_class(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        await until(lambda: not state.connections and not state.tasks)


@asynccontextmanager
async def client(url, mode=MODERN, who=None, **options):
    """The official client."""
    headers = {} if who is None else {"authorization": f"Bearer {who}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=WAIT) as http,
        Client(
            streamable_http_client(url, http_client=http), mode=mode, cache=None, **options
        ) as session,
    ):
        yield session


class Raw:
    """Requests as an older client sends them, byte by byte."""

    def __init__(self, url, http, version=OLDER):
        self.url, self.http, self.version = url, http, version
        self.session = None

    def headers(self, **more):
        headers = {"accept": JSON_AND_EVENTS, "content-type": "application/json"}
        if self.session is not None:
            headers |= {"mcp-session-id": self.session, "mcp-protocol-version": self.version}
        return headers | {name.replace("_", "-"): value for name, value in more.items()}

    async def post(self, method, params=None, *, id=1, headers=None):  # noqa: A002
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}
        return await self.http.post(self.url, json=message, headers=headers or self.headers())

    async def begin(self, **capabilities):
        """`initialize`; the session is used from then on."""
        answer = await self.post(
            "initialize",
            {
                "protocolVersion": self.version,
                "capabilities": capabilities,
                "clientInfo": {"name": "raw", "version": "1"},
            },
        )
        assert answer.status_code == 200, answer.text
        self.session = answer.headers["mcp-session-id"]
        return answer.json()["result"]

    @asynccontextmanager
    async def stream(self):
        """Messages of the GET stream, as an asynchronous iterator."""
        headers = self.headers(accept="text/event-stream")
        async with self.http.stream("GET", self.url, headers=headers) as answer:
            assert answer.status_code == 200
            yield _messages(answer)

    @asynccontextmanager
    async def posting(self, method, params, *, id=1):  # noqa: A002
        """Messages of the stream that a POST is answered by."""
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        async with self.http.stream(
            "POST", self.url, json=message, headers=self.headers()
        ) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            yield _messages(answer)

    async def answer(self, id, **body):  # noqa: A002
        """Answer what the server asked."""
        message = {"jsonrpc": "2.0", "id": id, **body}
        return await self.http.post(self.url, json=message, headers=self.headers())


async def _messages(answer):
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@asynccontextmanager
async def raw(url, who=None, **options):
    headers = {} if who is None else {"authorization": f"Bearer {who}"}
    async with httpx.AsyncClient(headers=headers, timeout=WAIT) as http:
        yield Raw(url, http, **options)


def modern(method, params=None, name=None, can=None, **headers):
    """A request of 2026-07-28: body and headers; `can` are the client's capabilities."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": can or {},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": (params or {}) | {"_meta": meta}}
    sent = {
        "accept": JSON_AND_EVENTS,
        "content-type": "application/json",
        "mcp-protocol-version": MODERN,
        "mcp-method": method,
    }
    if name is not None:
        sent["mcp-name"] = name
    sent |= {key.replace("_", "-"): value for key, value in headers.items()}
    return {"json": body, "headers": sent}


async def soon(awaitable):
    """Its result, which has to come within `WAIT`."""
    async with asyncio.timeout(WAIT):
        return await awaitable


async def until(holds):
    """Comes back as soon as it holds."""
    async with asyncio.timeout(WAIT):
        while not holds():  # noqa: ASYNC110 - what is looked at has no event of its own
            await asyncio.sleep(0)
