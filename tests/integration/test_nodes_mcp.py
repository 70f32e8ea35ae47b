"""MCP on any node: who subscribes on one hears of what is done on another, and of nothing else."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from mcp.client.subscriptions import ResourceUpdated

import mcp_serving
from backstory.clock import SystemClock
from backstory.domain import policy
from backstory.domain.keys import NamespacePattern
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.messaging.opening import link_to
from backstory.messaging.remote import RemoteBus
from backstory.storage.postgres.store import open_store
from mcp_serving import client, create, raw, say, soon

CHAT = "context://users.42/chat"
UPDATED = ("notifications/resources/updated", CHAT)
LISTED = ("notifications/resources/list_changed", None)
EVE = Principal("elsewhere", "eve", frozenset({"admin"}))


@pytest.fixture(params=["LISTEN", "Redis"])
def bus_url(request, postgres_url):
    if request.param == "LISTEN":
        return postgres_url
    return f"redis://127.0.0.1:{request.getfixturevalue('redis_server').port}"


@pytest.fixture
async def nodes(postgres_url, bus_url):
    """Three of them: each with a store, a bus and sockets of its own, as in three processes."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(3):
            clock = SystemClock()
            store = await open_store(postgres_url, clock=clock)
            bus = RemoteBus(link_to(bus_url), store.secret)
            await bus.check()
            found.append(await stack.enter_async_context(mcp_serving.over(store, bus, clock)))
        yield found


@pytest.fixture
async def urls(nodes, monkeypatch):
    """Where they listen. Ada may read what is hers; Eve is of another tenant."""
    mine = NamespacePattern.parse("users.ada.*")
    monkeypatch.setitem(policy._ROLES, "ada", policy._on(mine, Verb.READ, Verb.WRITE))
    known = {"ada": Principal("default", "ada", frozenset({"ada"})), "eve": EVE}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(mcp_serving.serving(contexts, known))
            for contexts in nodes
        ]


async def told(stream):
    message = await soon(anext(stream))
    return message["method"], message.get("params", {}).get("uri")


async def test_an_older_session_begins_subscribes_streams_and_ends_on_any_node(nodes, urls):
    await create(nodes[0])
    async with raw(urls[0]) as one:
        await one.begin()
        one.url = urls[2]
        async with one.stream() as stream:
            one.url = urls[1]
            assert (await one.post("resources/subscribe", {"uri": CHAT})).json()["result"] == {}
            for number, node in enumerate(nodes):
                await say(node, str(number))
                assert await told(stream) == UPDATED
            await create(nodes[0], "users.42/new")
            assert await told(stream) == LISTED
            one.url = urls[0]
            assert (await one.http.delete(urls[0], headers=one.headers())).status_code == 204
            await say(nodes[1], "nobody is told")
            with pytest.raises(StopAsyncIteration):
                await soon(anext(stream))
        one.url = urls[2]
        assert (await one.post("ping")).status_code == 404


async def test_a_listener_hears_of_what_is_done_on_every_node(nodes, urls):
    await create(nodes[0])
    async with (
        client(urls[1]) as session,
        session.listen(resource_subscriptions=[CHAT]) as notices,
    ):
        for number, node in enumerate(nodes):
            await say(node, str(number))
            assert await soon(anext(notices)) == ResourceUpdated(uri=CHAT)


async def test_no_node_tells_of_another_tenant_or_of_what_may_not_be_read(nodes, urls):
    hers = "context://users.ada/chat"
    for name in ("users.42/chat", "users.ada/chat"):
        await create(nodes[0], name)
        await create(nodes[0], name, principal=EVE)
    async with (
        client(urls[1], who="ada") as ada,
        client(urls[2], who="eve") as eve,
        ada.listen(resource_subscriptions=[CHAT, hers], resources_list_changed=True) as mine,
        eve.listen(resource_subscriptions=[CHAT, hers]) as theirs,
    ):
        await say(nodes[0], "not for Ada")
        await create(nodes[0], "users.42/new")
        await mcp_serving.call(
            nodes[0], "append_entries", EVE, context="users.ada/chat", entries=ENTRIES
        )
        assert await soon(anext(theirs)) == ResourceUpdated(uri=hers)
        await say(nodes[0], "for Ada", name="users.ada/chat")
        assert await soon(anext(mine)) == ResourceUpdated(uri=hers)
        await mcp_serving.call(
            nodes[0], "append_entries", EVE, context="users.42/chat", entries=ENTRIES
        )
        assert await soon(anext(theirs)) == ResourceUpdated(uri=CHAT)


ENTRIES = [{"role": "user", "content": "hello"}]


async def test_listeners_on_all_nodes_hear_of_a_change_at_the_same_time(nodes, urls):
    await create(nodes[0])
    async with AsyncExitStack() as stack:
        heard = []
        for url in urls * 3:
            session = await stack.enter_async_context(client(url))
            listening = session.listen(resource_subscriptions=[CHAT])
            heard.append(await stack.enter_async_context(listening))
        await say(nodes[0], "all")
        notices = await asyncio.gather(*(soon(anext(each)) for each in heard))
    assert set(notices) == {ResourceUpdated(uri=CHAT)}
