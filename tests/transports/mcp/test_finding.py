"""list_contexts, search_contexts and read_changes."""

import asyncio

import pytest

from mcp_serving import call, create, fail, say, soon, until


@pytest.fixture
async def shelf(contexts):
    await create(contexts, "users.ada/chat")
    await create(contexts, "users.ada/prefs", "preferences", {"drink": "green tea"}, labels=["x"])
    await create(contexts, "users.bob/chat")
    await say(contexts, "some tea please", name="users.bob/chat")
    return contexts


async def listed(contexts, *who, **arguments):
    answer = await call(contexts, "list_contexts", *who, **arguments)
    return [item["context"] for item in answer["items"]]


async def test_a_list_is_in_order_and_can_be_narrowed(shelf):
    assert await listed(shelf) == ["users.ada/chat", "users.ada/prefs", "users.bob/chat"]
    assert await listed(shelf, namespace="users.ada") == ["users.ada/chat", "users.ada/prefs"]
    assert await listed(shelf, namespace="users.*", kind="preferences") == ["users.ada/prefs"]
    assert await listed(shelf, label="x") == ["users.ada/prefs"]


async def test_a_list_goes_on_with_its_next(shelf):
    first = await call(shelf, "list_contexts", limit=2, namespace="users.*")
    assert first["next"]["namespace"] == "users.*"
    second = await call(shelf, "list_contexts", **first["next"])
    assert [item["context"] for item in second["items"]] == ["users.bob/chat"]
    assert second["next"] is None


async def test_a_list_shows_what_one_may_read_and_where_one_may_write(shelf, principals):
    answer = await call(shelf, "list_contexts", principals["ada"])
    assert [item["context"] for item in answer["items"]] == ["users.ada/chat", "users.ada/prefs"]
    assert answer["writable"] == ["users.ada.*"]
    assert (await call(shelf, "list_contexts", principals["reader"]))["writable"] == []
    assert await listed(shelf, principals["eve"]) == []


async def test_a_cursor_of_somebody_else_is_refused(shelf, principals):
    first = await call(shelf, "list_contexts", limit=1)
    error = await fail(shelf, "list_contexts", principals["ada"], cursor=first["next"]["cursor"])
    assert error["code"] == "invalid_cursor"


async def test_search_finds_states_and_entries(shelf):
    answer = await call(shelf, "search_contexts", query="tea")
    assert {(item["context"], item["seq"]) for item in answer["items"]} == {
        ("users.ada/prefs", None),
        ("users.bob/chat", 1),
    }


async def test_search_shows_only_what_one_may_read(shelf, principals):
    answer = await call(shelf, "search_contexts", principals["ada"], query="tea")
    assert [item["context"] for item in answer["items"]] == ["users.ada/prefs"]


async def test_a_search_for_nothing_is_explained(shelf):
    error = await fail(shelf, "search_contexts", query="  ")
    assert error["code"] == "schema_violation"


async def test_changes_are_told_in_order_and_followed(shelf):
    answer = await call(shelf, "read_changes", limit=2)
    assert [item["op"] for item in answer["items"]] == ["created", "created"]
    rest = await call(shelf, "read_changes", **answer["next"])
    assert [item["context"] for item in rest["items"]] == ["users.bob/chat", "users.bob/chat"]
    assert rest["items"][1]["seqs"] == [[1, 1]]
    end = await call(shelf, "read_changes", **rest["next"])
    assert (end["items"], end["more"]) == ([], False)


async def test_changes_can_be_waited_for(shelf):
    waiting = asyncio.create_task(call(shelf, "read_changes", after="now", wait=15))
    await until(lambda: shelf.hub._count)
    await say(shelf, "again", name="users.bob/chat")
    answer = await soon(waiting)
    assert [item["context"] for item in answer["items"]] == ["users.bob/chat"]


async def test_changes_of_others_are_not_told(shelf, principals):
    answer = await call(shelf, "read_changes", principals["bob"])
    assert {item["context"] for item in answer["items"]} == {"users.bob/chat"}
