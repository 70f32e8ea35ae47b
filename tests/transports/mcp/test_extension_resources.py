"""Resources, templates and prompts that a package adds, each for those who may."""

import json

import pytest
from mcp.client.subscriptions import PromptsListChanged, ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from backstory import limits
from backstory.domain.keys import ContextKey
from backstory.errors import BackstoryError, DeclinedError
from backstory.transports.mcp.blocks import Contents, TextBlock
from backstory.transports.mcp.extending import (
    Argument,
    Extension,
    Message,
    Prompt,
    Resource,
    Template,
    Tool,
)
from mcp_serving import ERAS, client, create, raw, serving, soon

STOCK = "shop://{user}/stock"
ADA, BOB = "shop://ada/stock", "shop://bob/stock"


async def stock(call):
    """What a context of the user holds."""
    key = ContextKey.of(f"users.{call.arguments['user']}", "stock")
    snapshot = await call.contexts.reader.snapshot(call.principal, key)
    return Contents(snapshot.state.decode(), "application/json")


async def users(call, typed):
    return [name for name in ("ada", "bob") if name.startswith(typed)]


async def opening(call):
    return Contents("9 to 5", "text/plain")


async def logo(call):
    return [Contents(b"\x89PNG", "image/png"), Contents("a cat", "text/plain", "shop://logo/alt")]


async def selling(call):
    return [Message("user", TextBlock(f"Sell {call.arguments.get('what', 'all')}!"))]


async def is_open(principal, contexts):
    """Whether a context of the shop says so."""
    try:
        snapshot = await contexts.reader.snapshot(principal, ContextKey.of("users.ada", "sale"))
    except BackstoryError:
        return False
    return json.loads(snapshot.state)["open"]


SHOP = Extension(
    tools=[Tool("sell", "Sells", opening, shown=is_open)],
    resources=[
        Resource("shop://hours", "hours", "When it is open", opening, "text/plain"),
        Resource("shop://logo", "logo", "What it looks like", logo, "image/png"),
        Resource("shop://bob", "bob", "For Bob", opening, namespace="users.bob"),
        Resource("shop://sale", "sale", "The sale", opening, follows="users.ada"),
    ],
    templates=[
        Template(
            STOCK,
            "stock",
            "What there is",
            stock,
            complete={"user": users},
            namespace="users.{user}",
            follows="users.{user}",
        )
    ],
    prompts=[
        Prompt("sell", "Sells", selling, [Argument("what", "What", complete=users)], shown=is_open)
    ],
    tools_follow="users.ada",
    prompts_follow="users.ada",
)


@pytest.fixture
async def shop(contexts, principals):
    for name in ("ada", "bob"):
        await create(contexts, f"users.{name}/stock", "session", {"of": name})
    async with serving(contexts, principals, SHOP) as url:
        yield url


async def sale(contexts, **state):
    await create(contexts, "users.ada/sale", "session", {"open": True} | state)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_resource_is_listed_before_contexts_and_read(shop, mode):
    async with client(shop, mode, "ada") as session:
        listed = [str(each.uri) for each in (await session.list_resources()).resources]
        hours = (await session.read_resource("shop://hours")).contents
        logo = (await session.read_resource("shop://logo")).contents
    assert listed == ["shop://hours", "shop://logo", "shop://sale", "context://users.ada/stock"]
    assert [(str(part.uri), part.text) for part in hours] == [("shop://hours", "9 to 5")]
    assert (logo[0].mime_type, logo[0].blob) == ("image/png", "iVBORw==")
    assert (str(logo[1].uri), logo[1].text) == ("shop://logo/alt", "a cat")


async def test_a_page_of_contexts_goes_on_behind_the_resources(contexts, shop):
    for n in range(limits.PAGE_DEFAULT):
        await create(contexts, f"users.ada/c{n:02}", "session", {})
    async with client(shop, who="ada") as session:
        first = await session.list_resources()
        second = await session.list_resources(cursor=first.next_cursor)
    uris = [str(each.uri) for each in (*first.resources, *second.resources)]
    assert len(uris) == len(set(uris)) == limits.PAGE_DEFAULT + 4
    assert second.next_cursor is None


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("uri", [BOB, "shop://bob", "shop://a.b/stock", "shop://*/stock", "shop:"])
async def test_what_may_not_be_read_is_not_there(shop, mode, uri):
    async with client(shop, mode, "ada") as session:
        with pytest.raises(MCPError, match="no resource") as refused:
            await session.read_resource(uri)
    assert refused.value.code == (-32002 if mode == "legacy" else -32602)
    assert refused.value.data["uri"] == uri


async def test_a_template_is_listed_completed_and_read_as_the_caller(shop):
    async with client(shop, who="ada") as session:
        templates = (await session.list_resource_templates()).resource_templates
        reference = ResourceTemplateReference(type="ref/resource", uri=STOCK)
        completed = await session.complete(reference, {"name": "user", "value": "a"})
        read = await session.read_resource(ADA)
    assert STOCK in {each.uri_template for each in templates}
    assert completed.completion.values == ["ada"]
    assert (str(read.contents[0].uri), json.loads(read.contents[0].text)) == (ADA, {"of": "ada"})


async def test_a_reader_that_fails_says_no_more_than_it_should(contexts, caplog):
    async def fails(call):
        raise RuntimeError("the password is swordfish")

    async def refuses(call):
        raise DeclinedError("closed today")

    async def floods(call):
        return Contents("x" * limits.MODEL_ANSWER_BYTES, "text/plain")

    added = Extension(
        resources=[
            Resource(f"shop://{name}", name, "It", handler)
            for name, handler in (("fails", fails), ("refuses", refuses), ("floods", floods))
        ],
        prompts=[Prompt("fails", "Fails", fails), Prompt("refuses", "Refuses", refuses)],
    )
    async with serving(contexts, extension=added) as url, client(url) as session:
        found = {}
        for name in ("fails", "refuses", "floods"):
            with pytest.raises(MCPError) as refused:
                await session.read_resource(f"shop://{name}")
            found[name] = refused.value.code, refused.value.message
        for name in ("fails", "refuses"):
            with pytest.raises(MCPError) as refused:
                await session.get_prompt(name)
            assert (refused.value.code, refused.value.message) == found[name]
    assert found["fails"] == (-32603, "Internal server error")
    assert found["refuses"] == (-32602, "closed today")
    assert "longer than 24000 bytes" in found["floods"][1]
    assert "swordfish" in caplog.text


async def test_a_prompt_is_listed_completed_and_given_where_it_is_shown(contexts, shop):
    reference = PromptReference(type="ref/prompt", name="sell")
    async with client(shop, who="ada") as session:
        names = {each.name for each in (await session.list_prompts()).prompts}
        with pytest.raises(MCPError, match="there is no prompt 'sell'"):
            await session.get_prompt("sell")
        assert (
            await session.complete(reference, {"name": "what", "value": ""})
        ).completion.values == []
        await sale(contexts)
        assert {each.name for each in (await session.list_prompts()).prompts} == names | {"sell"}
        prompt = await session.get_prompt("sell", {"what": "pens"})
        completed = await session.complete(reference, {"name": "what", "value": "b"})
        with pytest.raises(MCPError, match=r"sell takes what \(optional\): What"):
            await session.get_prompt("sell", {"who": "ada"})
    assert prompt.messages[0].content.text == "Sell pens!"
    assert completed.completion.values == ["bob"]


async def test_subscribers_hear_of_what_a_resource_follows_and_only_those_who_may(contexts, shop):
    wanted = [ADA, BOB, "shop://hours", "shop://bob", "shop://nothing"]
    async with (
        client(shop, who="ada") as ada,
        client(shop, who="bob") as bob,
        ada.listen(resource_subscriptions=wanted) as hers,
        bob.listen(resource_subscriptions=wanted) as his,
    ):
        assert hers.honored.resource_subscriptions == [ADA, "shop://hours"]
        assert his.honored.resource_subscriptions == [BOB, "shop://hours", "shop://bob"]
        await create(contexts, "users.ada/more", "session", {})
        await create(contexts, "users.bob/more", "session", {})
        assert await soon(anext(hers)) == ResourceUpdated(uri=ADA)
        assert await soon(anext(his)) == ResourceUpdated(uri=BOB)


async def test_a_resource_that_follows_what_one_may_not_read_tells_one_nothing(contexts, shop):
    async with (
        client(shop, who="bob") as bob,
        bob.listen(resource_subscriptions=["shop://sale", BOB]) as his,
    ):
        assert his.honored.resource_subscriptions == ["shop://sale", BOB]
        await sale(contexts)
        await create(contexts, "users.bob/more", "session", {})
        assert await soon(anext(his)) == ResourceUpdated(uri=BOB)


async def test_lists_that_change_are_told_to_those_who_may_read_what_they_follow(contexts, shop):
    async with (
        client(shop, who="ada") as ada,
        client(shop, who="bob") as bob,
        ada.listen(tools_list_changed=True, prompts_list_changed=True) as hers,
        bob.listen(tools_list_changed=True, resource_subscriptions=[BOB]) as his,
    ):
        assert "sell" not in {each.name for each in (await ada.list_tools()).tools}
        await sale(contexts)
        assert {await soon(anext(hers)), await soon(anext(hers))} == {
            ToolsListChanged(),
            PromptsListChanged(),
        }
        assert "sell" in {each.name for each in (await ada.list_tools()).tools}
        assert "sell" not in {each.name for each in (await bob.list_tools()).tools}
        await create(contexts, "users.bob/more", "session", {})
        assert await soon(anext(his)) == ResourceUpdated(uri=BOB)


async def test_without_lists_that_change_nobody_is_promised_to_be_told(contexts):
    async with (
        serving(contexts) as url,
        client(url) as session,
        session.listen(tools_list_changed=True, prompts_list_changed=True) as subscription,
    ):
        assert subscription.honored.tools_list_changed is None
        assert subscription.honored.prompts_list_changed is True


async def test_an_older_client_subscribes_and_is_told_as_well(contexts, shop):
    async with raw(shop, "ada") as older:
        begun = await older.begin()
        assert begun["capabilities"]["tools"] == {"listChanged": True}
        for uri, status in ((ADA, "result"), (BOB, "error"), ("shop://hours", "result")):
            assert status in (await older.post("resources/subscribe", {"uri": uri})).json()
        async with older.stream() as messages:
            await sale(contexts)
            told = [await soon(anext(messages)) for _ in range(4)]
    assert [(each["method"], each["params"].get("uri")) for each in told] == [
        ("notifications/resources/list_changed", None),
        ("notifications/tools/list_changed", None),
        ("notifications/prompts/list_changed", None),
        ("notifications/resources/updated", ADA),
    ]
