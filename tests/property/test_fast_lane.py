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
from mcp_requests import CAPABILITIES, URIS, VERSION, requests
from mcp_serving import JSON_AND_EVENTS, MODERN, guarded, served

NOT_OURS = {"date", "content-length"}
CHANCE = {"commit", "cursor", "next", "render_id", "trace_id"}  # members that no two stores share


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

    async def watched(self, scope, message, told):
        made.append(await answer(self, scope, message, told))
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
