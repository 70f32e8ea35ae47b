"""read_context."""

import pytest

from mcp_serving import call, create, fail, say

STATE = {"topic": "tea", "tasks": [{"done": True}], "note": "long enough to be worth a patch" * 3}


@pytest.fixture
async def chat(contexts):
    await create(contexts, state=STATE)
    await say(contexts, "one", "two", "three")
    return contexts


async def test_the_state_comes_with_what_a_writer_needs(chat):
    answer = await call(chat, "read_context", context="users.42/chat")
    assert answer["state"] == STATE
    assert (answer["kind"], answer["version"], answer["state_version"]) == ("conversation", 2, 1)
    assert (answer["entry_count"], answer["truncated"], answer["next"]) == (3, False, None)


async def test_a_uri_names_a_context_as_well(chat):
    answer = await call(chat, "read_context", context="context://users.42/chat")
    assert answer["context"] == "users.42/chat"


async def test_a_pointer_picks_a_value_out_of_the_state(chat):
    answer = await call(chat, "read_context", context="users.42/chat", path="/tasks/0")
    assert (answer["path"], answer["value"]) == ("/tasks/0", {"done": True})
    assert "state" not in answer


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nothing", "not_found"),
        ("tasks", "malformed"),
        ("/tasks/x", "not_found"),
        ("/tasks/-", "not_found"),
    ],
)
async def test_a_pointer_to_nothing_is_told(chat, path, code):
    error = await fail(chat, "read_context", context="users.42/chat", path=path)
    assert error["code"] == code


async def test_entries_come_oldest_first_and_lead_back_in_time(chat):
    answer = await call(chat, "read_context", context="users.42/chat", part="entries", entries=2)
    assert [entry["content"] for entry in answer["entries"]] == ["two", "three"]
    assert answer["truncated"] is False
    before = await call(chat, "read_context", **answer["next"])
    assert [entry["seq"] for entry in before["entries"]] == [1]
    assert before["next"] is None


async def test_the_state_can_bring_the_newest_entries_along(chat):
    answer = await call(chat, "read_context", context="users.42/chat", entries=1)
    assert answer["state"]["topic"] == "tea"
    assert [entry["seq"] for entry in answer["entries"]] == [3]
    assert answer["next"] == {
        "context": "users.42/chat",
        "part": "entries",
        "entries": 1,
        "before": 3,
    }


async def test_the_past_can_be_read(chat):
    await call(chat, "patch_context", context="users.42/chat", merge={"topic": "rain"})
    answer = await call(chat, "read_context", context="users.42/chat", at=1, entries=5)
    assert (answer["version"], answer["state"]["topic"], answer["entries"]) == (1, "tea", [])


async def test_since_tells_what_changed(chat):
    await call(chat, "patch_context", context="users.42/chat", merge={"topic": "rain"})
    answer = await call(chat, "read_context", context="users.42/chat", since=1)
    assert answer["patch"] == [{"op": "replace", "path": "/topic", "value": "rain"}]
    assert [entry["content"] for entry in answer["entries"]] == ["one", "two", "three"]
    assert (answer["from"], answer["version"], answer["next"]) == (1, 3, None)


async def test_a_version_that_is_not_there_is_told_with_the_present_one(chat):
    error = await fail(chat, "read_context", context="users.42/chat", since=9)
    assert (error["code"], error["current_version"]) == ("history_gone", 2)
    assert error["next_step"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "required field context"),
        ({"context": 1}, "/context: Expected str, got int"),
        ({"context": "users.42/chat", "part": "soul"}, "/part: Invalid enum value"),
        ({"context": "users.42/chat", "befor": 1}, "there are context, part, path"),
        ({"context": "users.42/chat", "before": -1}, ">= 0"),
        ({"context": "users.42/chat", "at": 2**60}, "<= 9007199254740991"),
        ({"context": "users.42"}, "namespace/name"),
        ({"context": "Users/x y"}, "not a namespace"),
    ],
)
async def test_a_wrong_argument_is_explained(chat, arguments, words):
    error = await fail(chat, "read_context", **arguments)
    assert error["code"] in {"malformed", "invalid_key"}
    assert words in error["detail"]
    assert error["next_step"]


async def test_an_argument_of_null_is_as_if_it_were_not_there(chat):
    answer = await call(chat, "read_context", context="users.42/chat", path=None, at=None)
    assert answer["version"] == 2


async def test_what_one_may_not_read_is_not_there(chat, principals):
    error = await fail(chat, "read_context", principals["bob"], context="users.42/chat")
    assert error["code"] == "not_found"
    error = await fail(chat, "read_context", principals["eve"], context="users.42/chat")
    assert error["code"] == "not_found"
