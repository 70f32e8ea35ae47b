"""Older clients: sessions that any node can read, and what they are told of."""

import asyncio

import httpx
import pytest
from mcp.client.subscriptions import ResourceUpdated

from backstory import limits
from backstory.clock import SECOND, SystemClock
from backstory.domain.principals import LOCAL_ADMIN
from backstory.transports.mcp.sessions import Sessions
from mcp_serving import OLDER, Raw, call, client, create, opened, raw, say, serving, soon, until

CHAT = "context://users.42/chat"


class LateClock(SystemClock):
    """Real time, and some more."""

    late = 0

    def now(self):
        return super().now() + self.late


@pytest.fixture
async def other(tmp_path, contexts):
    """A second node over the same store."""
    async with opened(tmp_path / "store.db") as other:
        yield other


async def told(stream):
    message = await soon(anext(stream))
    assert message["jsonrpc"] == "2.0"
    return message["method"], message.get("params", {}).get("uri")


UPDATED = ("notifications/resources/updated", CHAT)
LISTED = ("notifications/resources/list_changed", None)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
async def test_initialize_hands_out_a_session(contexts, version):
    async with serving(contexts) as url, raw(url, version=version) as one:
        result = await one.begin()
        assert result["protocolVersion"] == version
        assert result["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
        assert result["capabilities"]["tools"] == {"listChanged": False}
        assert "data" in result["instructions"]
        assert one.session.isascii()
        assert (await one.post("ping")).json()["result"] == {}


async def test_a_version_that_is_not_known_is_answered_with_one_that_is(contexts):
    async with serving(contexts) as url, raw(url, version="1999-01-01") as one:
        assert (await one.begin())["protocolVersion"] == OLDER


async def test_an_initialize_that_fails_begins_no_session(contexts):
    async with serving(contexts) as url, raw(url) as one:
        answer = await one.post("initialize", {"protocolVersion": OLDER})
    assert "error" in answer.json()
    assert "mcp-session-id" not in answer.headers


async def test_any_node_serves_a_session(contexts, other):
    await create(contexts)
    async with serving(contexts) as first, serving(other) as second, raw(first) as one:
        await one.begin()
        one.url = second
        answer = await one.post("resources/read", {"uri": CHAT})
        assert answer.json()["result"]["contents"][0]["uri"] == CHAT


async def test_a_session_that_was_ended_is_gone_on_all_nodes(contexts, other):
    async with serving(contexts) as first, serving(other) as second, raw(first) as one:
        await one.begin()
        assert (await one.http.delete(first, headers=one.headers())).status_code == 204
        for url in (first, second):
            one.url = url
            answer = await one.post("ping", id=7)
            assert (answer.status_code, answer.json()["id"]) == (404, 7)
            assert (await one.http.get(url, headers=one.headers())).status_code == 404
            assert (await one.http.delete(url, headers=one.headers())).status_code == 404


async def test_a_session_of_somebody_else_is_unknown(contexts, principals):
    async with serving(contexts, principals) as url, raw(url, "ada") as ada:
        await ada.begin()
        for who in ("bob", "eve"):
            async with raw(url, who) as other:
                other.session = ada.session
                assert (await other.post("ping")).status_code == 404


@pytest.mark.parametrize("token", ["nonsense", "é".encode(), "a" * 200, "=?base64?x?="])
async def test_an_id_that_was_never_handed_out_is_unknown(contexts, token):
    async with serving(contexts) as url, raw(url) as one:
        headers = one.headers() | {"mcp-session-id": token, "mcp-protocol-version": OLDER}
        assert (await one.post("ping", headers=headers)).status_code == 404


async def test_a_session_is_over_when_its_time_is(tmp_path):
    clock = LateClock()
    async with (
        opened(tmp_path / "late.db", clock) as contexts,
        serving(contexts) as url,
        raw(url) as one,
    ):
        await one.begin()
        clock.late = (limits.SESSION_SECONDS - 60) * SECOND
        assert (await one.post("ping")).status_code == 200
        clock.late = limits.SESSION_SECONDS * SECOND
        assert (await one.post("ping")).status_code == 404


async def test_all_but_initialize_need_a_session(contexts):
    async with serving(contexts) as url, raw(url) as one:
        for version in ({}, {"mcp-protocol-version": OLDER}):
            headers = one.headers() | version
            assert (await one.post("ping", headers=headers)).status_code == 400
            assert (await one.http.get(url, headers=headers)).status_code == 400
            assert (await one.http.delete(url, headers=headers)).status_code == 400


async def test_a_stream_needs_a_client_that_takes_events(contexts):
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        headers = one.headers(accept="application/json")
        assert (await one.http.get(url, headers=headers)).status_code == 406


async def test_a_subscription_made_on_one_node_is_told_by_the_stream_of_another(contexts, other):
    await create(contexts)
    async with serving(contexts) as first, serving(other) as second, raw(first) as one:
        await one.begin()
        async with one.stream() as stream:
            one.url = second
            assert (await one.post("resources/subscribe", {"uri": CHAT})).json()["result"] == {}
            await say(other, "one")
            assert await told(stream) == UPDATED
            await one.post("resources/unsubscribe", {"uri": CHAT})
            await say(other, "nobody is told")
            await create(other, "users.42/new")
            assert await told(stream) == LISTED


async def test_a_subscription_outlives_its_stream(contexts):
    await create(contexts)
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        await one.post("resources/subscribe", {"uri": CHAT})
        for text in ("one", "two"):
            async with one.stream() as stream:
                await say(contexts, text)
                assert await told(stream) == UPDATED


async def test_only_the_newest_stream_of_a_session_tells(contexts, other):
    await create(contexts)
    async with serving(contexts) as first, serving(other) as second, raw(first) as one:
        await one.begin()
        await one.post("resources/subscribe", {"uri": CHAT})
        async with one.stream() as older:
            one.url = second
            async with one.stream() as newer:
                await say(contexts, "one")
                assert await told(newer) == UPDATED
                with pytest.raises(StopAsyncIteration):
                    await soon(anext(older))


async def test_nobody_is_told_of_what_only_others_may_read(contexts, principals):
    await create(contexts, "users.bob/chat")
    async with serving(contexts, principals) as url, raw(url, "ada") as ada:
        await ada.begin()
        answer = await ada.post("resources/subscribe", {"uri": "context://users.bob/chat"})
        assert answer.json()["error"]["code"] == -32002
        async with ada.stream() as stream:
            await say(contexts, "one", name="users.bob/chat")
            await create(contexts, "users.bob/new")
            await create(contexts, "users.ada/new")
            assert await told(stream) == LISTED
            await call(
                contexts,
                "write_context",
                principals["eve"],
                context="users.ada/x",
                kind="session",
                state={},
            )
            prompt = {"messages": []}
            await create(contexts, "users.ada/p", "prompt", prompt)
            heard = [await told(stream), await told(stream)]
            assert heard == [LISTED, ("notifications/prompts/list_changed", None)]


async def test_a_stream_ends_with_its_session(contexts):
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        async with one.stream() as stream:
            await one.http.delete(url, headers=one.headers())
            with pytest.raises(StopAsyncIteration):
                await soon(anext(stream))
        await until(lambda: contexts.hub._count == 0)


async def test_a_stream_ends_when_the_server_drains(contexts):
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        async with one.stream() as stream:
            contexts.hub.drain()
            with pytest.raises(StopAsyncIteration):
                await soon(anext(stream))


async def test_a_client_that_leaves_its_stream_is_no_longer_waited_for(contexts):
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        async with one.stream():
            assert contexts.hub._count == 1
        await until(lambda: contexts.hub._count == 0)


async def test_a_stream_shows_that_it_lives(contexts, monkeypatch):
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.01)
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        async with one.http.stream("GET", url, headers=one.headers()) as answer:
            lines = answer.aiter_lines()
            found = [await soon(anext(lines)) for _ in range(5)]
    assert found.count(": still here") >= 2


async def test_subscriptions_at_once_are_all_kept_whichever_nodes_take_them(contexts, other):
    sessions = Sessions(contexts)
    async with serving(contexts) as url, serving(other) as second, raw(url) as one:
        await one.begin()
        two = Raw(second, one.http)
        two.session = one.session
        uris = [f"context://users.42/{n}" for n in range(20)]
        await asyncio.gather(
            *(
                (one, two)[n % 2].post("resources/subscribe", {"uri": uri})
                for n, uri in enumerate(uris)
            )
        )
        session = await sessions.find(LOCAL_ADMIN, one.session)
        assert set(await sessions.uris(session)) == set(uris)


async def test_too_many_subscriptions_are_refused(contexts, monkeypatch):
    monkeypatch.setattr(limits, "SUBSCRIPTION_URIS", 1)
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        await one.post("resources/subscribe", {"uri": CHAT})
        again = await one.post("resources/subscribe", {"uri": CHAT})
        assert again.json()["result"] == {}
        answer = await one.post("resources/subscribe", {"uri": CHAT + "/entries"})
        assert answer.json()["error"]["data"]["limit"] == "SUBSCRIPTION_URIS"


@pytest.mark.filterwarnings("ignore:resources/subscribe is removed")
async def test_the_official_client_is_told(contexts):
    await create(contexts)
    heard = []

    async def hear(message):
        heard.append(message)

    async with serving(contexts) as url, client(url, "legacy", message_handler=hear) as session:
        await until(lambda: contexts.hub._count == 1)
        await session.session.subscribe_resource(CHAT)
        await say(contexts, "one")
        await until(lambda: heard)
        assert heard[0].params.uri == ResourceUpdated(uri=CHAT).uri


async def test_the_version_of_the_session_holds_where_no_header_says_another(contexts):
    """2025-06-18: what was agreed on is another way to know the version."""
    async with serving(contexts) as url, raw(url, version="2025-06-18") as one:
        await one.begin()
        headers = one.headers()
        del headers["mcp-protocol-version"]
        answer = await one.post(
            "resources/read", {"uri": "context://users.42/none"}, headers=headers
        )
        assert answer.json()["error"]["code"] == -32002


async def test_many_requests_of_one_session_may_run_at_once(contexts):
    await create(contexts)
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        arguments = {"name": "read_context", "arguments": {"context": "users.42/chat"}}
        answers = await asyncio.gather(
            *(one.post("tools/call", arguments, id=n) for n in range(20))
        )
    assert [answer.json()["id"] for answer in answers] == list(range(20))
    assert all(isinstance(answer, httpx.Response) for answer in answers)
