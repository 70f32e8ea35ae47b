"""The fast lane and the SDK's way answer alike, whatever is asked, rightly or wrongly."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.contexts.service import Contexts
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.messaging.local import LocalBus
from backstory.processing.ruling import PipelineRules
from backstory.testing import FakeClock, ModelStore
from backstory.transports.mcp.http import mcp_app
from backstory.transports.mcp.lane import Lane
from backstory.transports.mcp.tools import TABLE
from mcp_serving import JSON_AND_EVENTS, MODERN, guarded, served

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
CLIENT = "io.modelcontextprotocol/clientInfo"
NOT_OURS = {"date", "content-length"}
CHANCE = {"commit", "cursor", "next", "render_id", "trace_id"}  # members that no two stores share

CONTEXTS = ["users.42/chat", "users.42/notes", "users.42/none", "nonsense", "", "users.42/chät"]
URIS = [
    "context://users.42/chat",
    "context://users.42/chat/entries",
    "context://users.42/notes/content",
    "context://users.42/none",
    "context://",
    "file:///etc/passwd",
    "",
]
CALLS = st.one_of(
    st.tuples(
        st.sampled_from(["read_context", "list_contexts", "search_contexts", "no_such_tool", ""]),
        st.fixed_dictionaries(
            {},
            optional={
                "context": st.sampled_from(CONTEXTS),
                "part": st.sampled_from(["state", "entries", "content", "all"]),
                "entries": st.sampled_from([0, 1, 5, -1, "5", None]),
                "path": st.sampled_from(["", "/text", "/none", "text"]),
                "query": st.sampled_from(["tea", "", '"']),
                "unknown": st.just(1),
            },
        ),
    ),
    st.tuples(
        st.just("append_entries"),
        st.fixed_dictionaries(
            {
                "context": st.sampled_from(CONTEXTS),
                "entries": st.lists(
                    st.fixed_dictionaries(
                        {
                            "role": st.sampled_from(["user", "system", "Bad Role"]),
                            "content": st.text(
                                st.characters(exclude_categories=["Cs"]), max_size=20
                            ),
                        }
                    ),
                    max_size=2,
                ),
            },
            optional={"idempotency_key": st.sampled_from(["a", "b", ""])},
        ),
    ),
    st.tuples(
        st.just("patch_context"),
        st.fixed_dictionaries(
            {"context": st.sampled_from(CONTEXTS), "merge": st.just({"tea": "green"})},
            optional={"if_version": st.sampled_from([1, 2, 99])},
        ),
    ),
)
IDS = [1, 0, -7, "a", "", "ü", 2**53, True, None, 1.5, ["x"]]
ACCEPTS = [JSON_AND_EVENTS, "application/json", "*/*", "text/html", "application/*;q=0.1", ""]
TYPES = ["application/json", "Application/JSON", "application/json; charset=utf-8", "text/plain"]
STRANGE_HEADERS = [
    ("mcp-param-context", "users.42/chat"),
    ("mcp-session-id", "none"),
    ("cache-control", "no-cache"),
    ("mcp-method", "tools/call"),
    ("mcp-protocol-version", MODERN),
    ("mcp-name", "read_context"),
    ("accept", "text/html"),
]
STRANGE_META = {
    "progressToken": 7,
    "io.modelcontextprotocol/logLevel": "debug",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=b",
    "anything": None,
    CLIENT: "no object",
    VERSION: "2025-11-25",
    CAPABILITIES: {"sampling": 1},
}


@st.composite
def requests(draw):
    """Headers and a body: right, or wrong in a few ways."""
    if draw(st.booleans()):
        name, arguments = draw(CALLS)
        method, params = "tools/call", {"name": name, "arguments": arguments}
    else:
        name = draw(st.sampled_from(URIS))
        method, params = "resources/read", {"uri": name}
    params["_meta"] = {VERSION: MODERN, CAPABILITIES: {}, CLIENT: {"name": "t", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {
        "accept": JSON_AND_EVENTS,
        "content-type": "application/json",
        "mcp-protocol-version": MODERN,
        "mcp-method": method,
        "mcp-name": name,
    }
    more = []
    for wrong in draw(st.lists(st.sampled_from(sorted(WRONGS)), max_size=2)):
        WRONGS[wrong](draw, message, headers, more)
    compact = {"separators": (",", ":")} if draw(st.booleans()) else {}
    body = json.dumps(message, ensure_ascii=draw(st.booleans()), **compact).encode()
    sent = [(key, value.encode()) for key, value in headers.items()]
    return sent + [(key, value.encode()) for key, value in more], body


def _drop(draw, message, headers, more):
    headers.pop(draw(st.sampled_from(sorted(headers) or ["none"])), None)


def _strange_header(draw, message, headers, more):
    more.append(draw(st.sampled_from(STRANGE_HEADERS)))


def _accept(draw, message, headers, more):
    headers["accept"] = draw(st.sampled_from(ACCEPTS))
    headers["content-type"] = draw(st.sampled_from(TYPES))


def _name(draw, message, headers, more):
    headers["mcp-name"] = draw(
        st.sampled_from(["other", " read_context ", "=?base64?cmVhZF9jb250ZXh0?=", "=?base64?x?="])
    )


def _id(draw, message, headers, more):
    message["id"] = draw(st.sampled_from(IDS))


def _no_id(draw, message, headers, more):
    message.pop("id", None)


def _meta(draw, message, headers, more):
    params = message.get("params")
    if isinstance(params, dict) and isinstance(params.get("_meta"), dict):
        name = draw(st.sampled_from(sorted(STRANGE_META)))
        params["_meta"][name] = STRANGE_META[name]


def _params(draw, message, headers, more):
    message["params"] = draw(st.sampled_from([None, [], {}, "text", {"_meta": {}}]))


def _arguments(draw, message, headers, more):
    if isinstance(message.get("params"), dict):
        message["params"]["arguments"] = draw(st.sampled_from([None, [], "text", {}, {"a": 1}]))


def _member(draw, message, headers, more):
    message[draw(st.sampled_from(["jsonrpc", "method", "extra", "result"]))] = draw(
        st.sampled_from(["2.0", "1.0", "tools/call", 7, None])
    )


def _rounds(draw, message, headers, more):
    if isinstance(message.get("params"), dict):
        message["params"]["requestState"] = "forged"


WRONGS = {
    "header missing": _drop,
    "header added": _strange_header,
    "accept": _accept,
    "name": _name,
    "id": _id,
    "no id": _no_id,
    "meta": _meta,
    "params": _params,
    "arguments": _arguments,
    "member": _member,
    "round": _rounds,
}


class Way:
    """One of the two ways, over a store of its own."""

    def __init__(self, *, fast, who=LOCAL_ADMIN):
        self.fast, self.who = fast, who

    async def __aenter__(self):
        self._stack = AsyncExitStack()
        clock, bus = FakeClock(), LocalBus()
        contexts = Contexts(ModelStore(clock), bus, clock, PipelineRules())
        self._stack.push_async_callback(contexts.aclose)
        app = await self._stack.enter_async_context(mcp_app(served(contexts), fast=self.fast))
        guard = guarded(app, {"who": self.who})
        transport = httpx.ASGITransport(guard)
        self.http = await self._stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://localhost")
        )
        for name in ("chat", "notes"):
            arguments = {"context": f"users.42/{name}", "kind": "session", "state": {"text": "té"}}
            made = await TABLE["write_context"].call(served(contexts), LOCAL_ADMIN, arguments)
            assert not made.error, made.json
        return self

    async def __aexit__(self, *exc):
        await self._stack.aclose()

    async def send(self, headers, body):
        headers = [*headers, ("authorization", b"Bearer who")]
        answer = await self.http.post("/mcp", headers=headers, content=body)
        told = {name: value for name, value in answer.headers.items() if name not in NOT_OURS}
        return answer.status_code, told, _plain(answer)


def _plain(answer):
    if not answer.content or "json" not in answer.headers.get("content-type", ""):
        return answer.content
    body = answer.json()
    result = body.get("result")
    if isinstance(result, dict):
        for block in [*result.get("content", ()), *result.get("contents", ())]:
            block["text"] = _without_chance(json.loads(block["text"]))
        result["structuredContent"] = _without_chance(result.get("structuredContent"))
    return _without_chance(body)


def _without_chance(value):
    if isinstance(value, list):
        return [_without_chance(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: "..." if name in CHANCE and each else _without_chance(each)
        for name, each in value.items()
    }


def _both(asked, who=LOCAL_ADMIN):
    async def ask():
        async with Way(fast=True, who=who) as fast, Way(fast=False, who=who) as slow:
            for headers, body in asked:
                assert await fast.send(headers, body) == await slow.send(headers, body), body

    asyncio.run(ask())


@given(st.lists(requests(), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_both_ways_answer_alike(asked):
    _both(asked)


@pytest.mark.parametrize(
    "who",
    [
        Principal("default", "reader", frozenset({"reader"})),
        Principal("default", "42", frozenset({"member"}), scopes=frozenset({"context:read"})),
        Principal("default", "nobody", frozenset()),
        Principal("elsewhere", "admin", frozenset({"admin"})),
    ],
    ids=lambda who: who.subject,
)
@given(asked=st.lists(requests(), min_size=1, max_size=4))
@settings(max_examples=15, deadline=None)
def test_both_ways_let_the_same_callers_do_the_same(who, asked):
    _both(asked, who)


def plain(method, params, name, **meta):
    params |= {"_meta": {VERSION: MODERN, CAPABILITIES: {}} | meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = [
        ("accept", JSON_AND_EVENTS.encode()),
        ("content-type", b"application/json"),
        ("mcp-protocol-version", MODERN.encode()),
        ("mcp-method", method.encode()),
        ("mcp-name", name.encode()),
    ]
    return headers, json.dumps(message).encode()


READ = ("tools/call", {"name": "read_context", "arguments": {"context": "users.42/chat"}})


@pytest.fixture
def answered(monkeypatch):
    """What the lane made of each request: an answer, or None."""
    made, answer = [], Lane.answer

    async def watched(self, scope, message):
        made.append(await answer(self, scope, message))
        return made[-1]

    monkeypatch.setattr(Lane, "answer", watched)
    return made


@pytest.mark.parametrize(
    ("request_", "by_the_lane"),
    [
        (plain(*READ, "read_context"), True),
        (plain("tools/call", {"name": "list_contexts"}, "list_contexts"), True),
        (
            plain(
                "tools/call",
                {"name": "read_context", "arguments": {"context": "users.42/none"}},
                "read_context",
            ),
            True,
        ),
        (plain("resources/read", {"uri": URIS[0]}, URIS[0]), True),
        (plain(*READ, "read_context", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01"), True),
        (
            plain("resources/read", {"uri": "context://users.42/none"}, "context://users.42/none"),
            False,
        ),
        (plain("tools/list", {}, ""), False),
        (plain("tools/call", {"name": "no_such_tool"}, "no_such_tool"), False),
        (plain(*READ, "read_context", progressToken=1), False),
        (plain(*READ, "another"), False),
    ],
)
def test_the_lane_answers_what_it_wholly_accepts_and_nothing_else(answered, request_, by_the_lane):
    async def ask():
        async with Way(fast=True) as way:
            status, _, _ = await way.send(*request_)
            assert status == 200 or not by_the_lane

    asyncio.run(ask())
    assert [answer is not None for answer in answered] == [by_the_lane]
