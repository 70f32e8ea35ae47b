"""Contexts as resources, and the completion of their names."""

import json

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from backstory import limits
from backstory.transports.mcp.uris import CONTENT_TEMPLATE, ENTRIES_TEMPLATE, TEMPLATE
from mcp_serving import ERAS, MODERN, call, client, create, say, serving


@pytest.mark.parametrize("mode", ERAS)
async def test_they_are_listed_page_by_page(contexts, mode):
    names = [f"users.42/c{n:03}" for n in range(120)]
    for name in names:
        await create(contexts, name)
    found, cursor = [], None
    async with serving(contexts) as url, client(url, mode) as session:
        while True:
            page = await session.list_resources(cursor=cursor)
            found += [resource.uri for resource in page.resources]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert found == [f"context://{name}" for name in names]


@pytest.mark.parametrize("mode", ERAS)
async def test_state_and_entries_are_read(contexts, mode):
    await create(contexts, state={"a": 1})
    await say(contexts, "one", "two")
    async with serving(contexts) as url, client(url, mode) as session:
        (state,) = (await session.read_resource("context://users.42/chat")).contents
        (entries,) = (await session.read_resource("context://users.42/chat/entries")).contents
    assert json.loads(state.text)["state"] == {"a": 1}
    assert [e["content"] for e in json.loads(entries.text)["entries"]] == ["one", "two"]
    assert {state.mime_type, entries.mime_type} == {"application/json"}


async def test_what_may_change_is_not_to_be_kept_by_anyone(contexts):
    await create(contexts)
    async with serving(contexts) as url, client(url) as session:
        results = [
            await session.read_resource("context://users.42/chat"),
            await session.list_resources(),
            await session.list_prompts(),
        ]
        lasting = await session.list_tools()
    assert {(result.ttl_ms, result.cache_scope) for result in results} == {(0, "private")}
    assert lasting.cache_scope == "private"


async def test_what_is_long_is_cut_with_a_mark(contexts):
    await create(contexts, state={"long": "漢" * 50_000})
    await say(contexts, *["x" * 900] * 100)
    async with serving(contexts) as url, client(url) as session:
        for uri in ("context://users.42/chat", "context://users.42/chat/entries"):
            (contents,) = (await session.read_resource(uri)).contents
            assert len(contents.text.encode()) <= limits.MODEL_ANSWER_BYTES
            cut = json.loads(contents.text)
            assert cut["truncated"] is True
            again = await call(contexts, "read_context", **cut["next"])
            assert again["context"] == "users.42/chat"


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    "uri",
    [
        "context://users.42/none",
        "context://users.42/none/entries",
        "context://users.42/chat/soul",
        "context://Users/chat",
        "context://users.42",
        "file:///etc/passwd",
    ],
)
async def test_what_is_not_there_has_the_code_of_the_era(contexts, mode, uri):
    await create(contexts)
    async with serving(contexts) as url, client(url, mode) as session:
        with pytest.raises(MCPError) as failure:
            await session.read_resource(uri)
    assert failure.value.code == (-32602 if mode == MODERN else -32002)
    assert failure.value.data["uri"] == uri


async def test_a_cursor_from_elsewhere_is_refused(contexts):
    async with serving(contexts) as url, client(url) as session:
        for listing in (
            session.list_resources,
            session.list_prompts,
            session.list_tools,
            session.list_resource_templates,
        ):
            with pytest.raises(MCPError) as failure:
                await listing(cursor="elsewhere")
            assert failure.value.code == -32602


async def test_templates_say_how_they_are_spelled(contexts):
    async with serving(contexts) as url, client(url) as session:
        templates = (await session.list_resource_templates()).resource_templates
    assert [template.uri_template for template in templates] == [
        TEMPLATE,
        ENTRIES_TEMPLATE,
        CONTENT_TEMPLATE,
    ]


@pytest.fixture
async def shelf(contexts):
    for name in ("agents.x/a", "users.ada/chat-1", "users.ada/chat-2", "users.ada/notes"):
        await create(contexts, name)
    await create(contexts, "users.bob/prefs", "preferences")
    return contexts


async def completed(session, argument, typed, namespace=None, template=TEMPLATE):
    result = await session.complete(
        ResourceTemplateReference(uri=template),
        {"name": argument, "value": typed},
        context_arguments=None if namespace is None else {"namespace": namespace},
    )
    return result.completion.values


@pytest.mark.parametrize("mode", ERAS)
async def test_namespaces_and_names_are_completed(shelf, mode):
    async with serving(shelf) as url, client(url, mode) as session:
        assert await completed(session, "namespace", "") == ["agents.x", "users.ada", "users.bob"]
        assert await completed(session, "namespace", "users.a") == ["users.ada"]
        assert await completed(session, "namespace", "users.ada") == ["users.ada"]
        assert await completed(session, "name", "chat", "users.ada") == ["chat-1", "chat-2"]
        assert await completed(session, "name", "notes", "users.ada") == ["notes"]
        assert await completed(session, "name", "", "users.ada") == ["chat-1", "chat-2", "notes"]
        assert await completed(session, "name", "z", "users.ada") == []
        assert await completed(session, "name", "chat") == []
        assert await completed(session, "name", "x", "Not A Namespace") == []
        assert await completed(session, "name", "é", "users.ada") == []
        template = ENTRIES_TEMPLATE
        assert await completed(session, "name", "no", "users.ada", template) == ["notes"]


async def test_only_what_one_may_read_is_completed(shelf, principals):
    async with serving(shelf, principals) as url, client(url, who="bob") as session:
        assert await completed(session, "namespace", "") == ["users.bob"]
        assert await completed(session, "name", "", "users.ada") == []


async def test_completions_are_bounded_and_say_that_there_are_more(contexts):
    for n in range(limits.COMPLETIONS + 5):
        await create(contexts, f"users.{n:03}/a")
    async with serving(contexts) as url, client(url) as session:
        result = await session.complete(
            ResourceTemplateReference(uri=TEMPLATE), {"name": "namespace", "value": "users."}
        )
    assert len(result.completion.values) == limits.COMPLETIONS
    assert result.completion.has_more is True


async def test_completions_of_long_names_stay_within_the_bound(contexts):
    for n in range(100):
        await create(contexts, f"users.{'n' * 190}/{'x' * 190}{n:03}")
    async with serving(contexts) as url, client(url) as session:
        reference = PromptReference(name="continue_conversation")
        result = await session.complete(reference, {"name": "context", "value": "users."})
    assert len(json.dumps(result.completion.values)) <= limits.MODEL_ANSWER_BYTES
    assert 0 < len(result.completion.values) < 100
    assert result.completion.has_more is True


async def test_a_prompt_is_completed_by_contexts_of_its_kind(shelf):
    async with serving(shelf) as url, client(url) as session:

        async def contexts_of(prompt, typed):
            argument = {"name": "context", "value": typed}
            return (
                await session.complete(PromptReference(name=prompt), argument)
            ).completion.values

        assert await contexts_of("with_preferences", "") == ["users.bob/prefs"]
        assert await contexts_of("continue_conversation", "users.ada/ch") == [
            "users.ada/chat-1",
            "users.ada/chat-2",
        ]
        assert await contexts_of("continue_conversation", "users.ada/chat-1") == [
            "users.ada/chat-1"
        ]


async def test_a_template_that_is_not_there_is_refused(contexts):
    async with serving(contexts) as url, client(url) as session:
        with pytest.raises(MCPError) as failure:
            await completed(session, "namespace", "", template="file:///{path}")
        assert failure.value.code == -32602
