"""2026-07-28: `subscriptions/listen`, each stream for its own principal."""

import pytest
from mcp.client.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPError

from backstory import limits
from backstory.contexts.writing import Intent
from backstory.domain.bindings import Bindee
from backstory.domain.commits import ALWAYS, Purge
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN, Principal
from mcp_serving import call, client, create, opened, say, serving, soon, until

ADA, BOB = "context://users.ada/chat", "context://users.bob/chat"


async def following(subscription):
    return await soon(anext(subscription))


async def test_a_change_is_told_to_those_who_asked_for_it(contexts):
    await create(contexts, "users.ada/chat")
    async with (
        serving(contexts) as url,
        client(url) as session,
        session.listen(resource_subscriptions=[ADA]) as subscription,
    ):
        assert subscription.honored.resource_subscriptions == [ADA]
        await say(contexts, "one", name="users.ada/chat")
        assert await following(subscription) == ResourceUpdated(uri=ADA)


async def test_entries_are_told_of_apart_from_the_state(contexts):
    await create(contexts, "users.ada/chat")
    async with (
        serving(contexts) as url,
        client(url) as session,
        session.listen(resource_subscriptions=[ADA + "/entries"]) as subscription,
    ):
        await call(contexts, "patch_context", context="users.ada/chat", merge={"a": 1})
        await call(contexts, "delete_context", context="users.ada/chat")
        assert await following(subscription) == ResourceUpdated(uri=ADA + "/entries")
        await create(contexts, "users.ada/chat")
        assert await following(subscription) == ResourceUpdated(uri=ADA + "/entries")


async def test_what_another_process_wrote_is_told(contexts, tmp_path):
    await create(contexts, "users.ada/chat")
    async with (
        opened(tmp_path / "store.db") as other,
        serving(contexts) as url,
        client(url) as session,
        session.listen(resource_subscriptions=[ADA]) as subscription,
    ):
        await say(other, "one", name="users.ada/chat")
        assert await following(subscription) == ResourceUpdated(uri=ADA)


async def test_nobody_hears_of_what_only_others_may_read(contexts, principals):
    """Also not across tenants, where the same name means something else."""
    eve = principals["eve"]
    for who in (LOCAL_ADMIN, eve):
        for name in ("users.ada/chat", "users.bob/chat"):
            await call(contexts, "write_context", who, context=name, kind="conversation", state={})
    everything = {"resource_subscriptions": [ADA, BOB], "resources_list_changed": True}
    async with (
        serving(contexts, principals) as url,
        client(url, who="ada") as ada,
        client(url, who="bob") as bob,
        client(url, who="eve") as eves,
        ada.listen(**everything) as for_ada,
        bob.listen(**everything) as for_bob,
        eves.listen(**everything) as for_eve,
    ):
        assert for_ada.honored.resource_subscriptions == [ADA]
        assert for_bob.honored.resource_subscriptions == [BOB]
        assert for_eve.honored.resource_subscriptions == [ADA, BOB]
        # Each hears its own last change first, so nothing came before it.
        await say(contexts, "one", name="users.bob/chat")
        assert await following(for_bob) == ResourceUpdated(uri=BOB)
        await create(contexts, "users.ada/new")
        assert await following(for_ada) == ResourcesListChanged()
        await create(contexts, "users.bob/new")
        assert await following(for_bob) == ResourcesListChanged()
        await call(contexts, "patch_context", eve, context="users.ada/chat", merge={"a": 1})
        assert await following(for_eve) == ResourceUpdated(uri=ADA)
        await say(contexts, "two", name="users.ada/chat")
        assert await following(for_ada) == ResourceUpdated(uri=ADA)


async def test_a_stream_tells_what_may_be_read_now_and_ends_when_nothing_may(contexts):
    async def bind(*roles):
        return await contexts.roles.put_binding(
            LOCAL_ADMIN, Bindee("subjects", "kim"), {"roles": list(roles)}, ALWAYS
        )

    only_bob = {"deny": [{"verbs": ["read"], "namespaces": ["users.ada.*"]}]}
    await contexts.roles.put_role(LOCAL_ADMIN, "only-bob", only_bob, ALWAYS)
    await bind("reader")
    kim = await contexts.granting.of(Principal("default", "kim", frozenset()))
    for name in ("users.ada/chat", "users.bob/chat"):
        await create(contexts, name)
    async with (
        serving(contexts, {"kim": kim}) as url,
        client(url, who="kim") as session,
        session.listen(resource_subscriptions=[ADA, BOB]) as subscription,
    ):
        assert subscription.honored.resource_subscriptions == [ADA, BOB]
        await bind("reader", "only-bob")
        await say(contexts, "one", name="users.ada/chat")
        await say(contexts, "one", name="users.bob/chat")
        assert await following(subscription) == ResourceUpdated(uri=BOB)
        await contexts.roles.delete_binding(LOCAL_ADMIN, "subjects", "kim", ALWAYS)
        with pytest.raises(StopAsyncIteration):
            await following(subscription)


async def test_what_is_no_uri_of_a_context_is_left_out_of_the_acknowledgement(contexts):
    uris = [ADA, "context://users.ada/not-there-yet", "file:///etc", "context://Bad Name/x"]
    async with (
        serving(contexts) as url,
        client(url) as session,
        session.listen(resource_subscriptions=uris, tools_list_changed=True) as subscription,
    ):
        assert subscription.honored.resource_subscriptions == uris[:2]
        assert subscription.honored.tools_list_changed is None
        await create(contexts, "users.ada/not-there-yet")
        assert await following(subscription) == ResourceUpdated(uri=uris[1])


async def test_a_purge_is_told_although_its_change_has_no_name(contexts, principals):
    await create(contexts, "users.ada/chat")
    key = ContextKey.parse("users.ada/chat")
    async with (
        serving(contexts, principals) as url,
        client(url, who="ada") as session,
        session.listen(resource_subscriptions=[ADA]) as subscription,
    ):
        await contexts.writer.write(LOCAL_ADMIN, [Intent(Verb.WRITE, key)], lambda: (Purge(key),))
        assert await following(subscription) == ResourceUpdated(uri=ADA)


async def test_lists_are_told_of_when_contexts_come_and_go(contexts):
    await create(contexts, "users.ada/chat")
    async with (
        serving(contexts) as url,
        client(url) as session,
        session.listen(resources_list_changed=True, prompts_list_changed=True) as subscription,
    ):
        await say(contexts, "no list changes by this", name="users.ada/chat")
        await create(contexts, "team/hello", "prompt", {"messages": []})
        events = {await following(subscription), await following(subscription)}
        assert events == {ResourcesListChanged(), PromptsListChanged()}
        await call(contexts, "patch_context", context="team/hello", merge={"description": "x"})
        assert await following(subscription) == PromptsListChanged()
        await call(contexts, "delete_context", context="users.ada/chat")
        assert await following(subscription) == ResourcesListChanged()


async def test_a_stream_ends_gracefully_when_the_server_drains(contexts):
    async with (
        serving(contexts) as url,
        client(url) as session,
        session.listen(resource_subscriptions=[ADA]) as subscription,
    ):
        contexts.hub.drain()
        with pytest.raises(StopAsyncIteration):
            await following(subscription)


async def test_a_client_that_leaves_is_no_longer_waited_for(contexts):
    async with serving(contexts) as url:
        async with client(url) as session, session.listen(resource_subscriptions=[ADA]):
            assert contexts.hub._count == 1
        await until(lambda: contexts.hub._count == 0)


async def test_too_many_subscriptions_are_refused(contexts):
    uris = [f"context://users.ada/{n}" for n in range(limits.SUBSCRIPTION_URIS + 1)]
    async with serving(contexts) as url, client(url) as session:
        with pytest.raises(MCPError) as failure:
            async with session.listen(resource_subscriptions=uris):
                pass
    assert failure.value.data["limit"] == "SUBSCRIPTION_URIS"
