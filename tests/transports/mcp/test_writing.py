"""The tools that write."""

import asyncio

import pytest

from backstory import limits
from mcp_serving import call, create, fail, say


async def test_a_context_is_created_and_replaced(contexts):
    first = await create(contexts, "users.42/prefs", "preferences", {"a": 1}, labels=["x"])
    assert (first["version"], first["created"], first["changed"]) == (1, True, True)
    second = await call(contexts, "write_context", context="users.42/prefs", state={"b": 2})
    assert (second["version"], second["created"]) == (2, False)
    same = await call(contexts, "write_context", context="users.42/prefs", state={"b": 2})
    assert (same["version"], same["changed"], same["commit"]) == (2, False, None)


async def test_a_new_context_needs_a_kind_and_is_told_so(contexts):
    error = await fail(contexts, "write_context", context="users.42/prefs", state={})
    assert error["code"] == "schema_violation"
    assert "kind" in error["detail"]


async def test_an_unknown_kind_is_told_with_those_that_are_known(contexts):
    error = await fail(contexts, "write_context", context="users.42/x", kind="poem", state={})
    assert error["code"] == "unknown_kind"
    assert "preferences" in error["detail"]


async def test_version_0_writes_only_what_is_new(contexts):
    await create(contexts)
    error = await fail(
        contexts, "write_context", context="users.42/chat", kind="session", state={}, if_version=0
    )
    assert (error["code"], error["current_version"]) == ("version_conflict", 1)


async def test_a_state_is_patched_by_merge_or_by_operations(contexts):
    await create(contexts, state={"a": 1, "b": 2})
    await call(contexts, "patch_context", context="users.42/chat", merge={"a": None, "c": [3]})
    ops = [{"op": "add", "path": "/c/-", "value": 4}]
    done = await call(contexts, "patch_context", context="users.42/chat", ops=ops)
    assert done["version"] == 3
    answer = await call(contexts, "read_context", context="users.42/chat")
    assert answer["state"] == {"b": 2, "c": [3, 4]}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"merge": {"a": 1}, "ops": []}, "schema_violation"),
        ({}, "schema_violation"),
        ({"ops": [{"op": "fly"}]}, "invalid_patch"),
        ({"ops": [{"op": "remove", "path": "/zz"}]}, "patch_conflict"),
        ({"merge": {"x": 1}, "if_state_version": 7}, "version_conflict"),
        ({"merge": '{"a": 1}'}, "malformed"),
    ],
)
async def test_a_patch_that_cannot_be_done_says_why(contexts, arguments, code):
    await create(contexts, state={"a": 1})
    error = await fail(contexts, "patch_context", context="users.42/chat", **arguments)
    assert error["code"] == code
    assert (await call(contexts, "read_context", context="users.42/chat"))["version"] == 1


async def test_a_patch_conflict_names_the_operation(contexts):
    await create(contexts, state={"a": 1})
    ops = [{"op": "add", "path": "/b", "value": 1}, {"op": "test", "path": "/a", "value": 2}]
    error = await fail(contexts, "patch_context", context="users.42/chat", ops=ops)
    assert (error["code"], error["operation"]) == ("patch_conflict", 1)
    assert (error["context"], error["current_version"]) == ("users.42/chat", 1)


async def test_entries_get_their_places(contexts):
    await create(contexts)
    first = await say(contexts, "one", "two")
    assert (first["first_seq"], first["last_seq"], first["seqs"]) == (1, 2, [1, 2])
    entries = [{"role": "assistant", "content": [{"type": "text", "text": "hi"}], "id": "m1"}]
    await call(contexts, "append_entries", context="users.42/chat", entries=entries)
    again = await call(contexts, "append_entries", context="users.42/chat", entries=entries)
    assert (again["seqs"], again["created"]) == ([3], 0)


@pytest.mark.parametrize(
    ("entries", "pointer"),
    [
        ([], "/entries"),
        ([{"role": "user"}], "/entries/0/content"),
        (
            [{"role": "user", "content": "x"}, {"role": "Bad Role", "content": "x"}],
            "/entries/1/role",
        ),
        ([{"role": "user", "content": "x", "extra": 1}], "/entries/0/extra"),
        (["text"], "/entries/0"),
    ],
)
async def test_a_wrong_entry_is_pointed_at(contexts, entries, pointer):
    await create(contexts)
    error = await fail(contexts, "append_entries", context="users.42/chat", entries=entries)
    assert pointer in [item["pointer"] for item in error["errors"]]


async def test_appending_to_nothing_says_how_to_create(contexts):
    entries = [{"role": "user", "content": "x"}]
    error = await fail(contexts, "append_entries", context="users.42/none", entries=entries)
    assert error["code"] == "not_found"
    assert "write_context" in error["next_step"]


async def test_a_retry_with_the_same_key_is_done_once(contexts):
    await create(contexts)
    request = {
        "context": "users.42/chat",
        "entries": [{"role": "user", "content": "x"}],
        "idempotency_key": "k",
    }
    first = await call(contexts, "append_entries", **request)
    assert await call(contexts, "append_entries", **request) == first
    error = await fail(contexts, "append_entries", **request | {"if_version": 1})
    assert error["code"] == "idempotency_key_reused"


async def test_a_key_over_its_bound_is_refused(contexts):
    await create(contexts)
    key = "k" * (limits.IDEMPOTENCY_KEY_BYTES + 1)
    error = await fail(contexts, "delete_context", context="users.42/chat", idempotency_key=key)
    assert error["code"] == "malformed"


async def test_what_is_deleted_keeps_its_history(contexts):
    await create(contexts, state={"a": 1})
    done = await call(contexts, "delete_context", context="users.42/chat", if_version=1)
    assert done["version"] == 2
    assert (await fail(contexts, "read_context", context="users.42/chat"))["code"] == "not_found"
    past = await call(contexts, "read_context", context="users.42/chat", at=1)
    assert past["state"] == {"a": 1}


async def test_a_fork_begins_where_the_other_stands_or_stood(contexts):
    await create(contexts)
    await say(contexts, "one")
    await say(contexts, "two")
    done = await call(contexts, "fork_context", context="users.42/chat", to="users.42/b", at=2)
    assert (done["context"], done["version"], done["created"]) == ("users.42/b", 1, True)
    answer = await call(contexts, "read_context", context="users.42/b", part="entries")
    assert [entry["content"] for entry in answer["entries"]] == ["one"]
    error = await fail(contexts, "fork_context", context="users.42/chat", to="users.42/b")
    assert error["code"] == "already_exists"


async def test_a_commit_does_all_or_nothing(contexts):
    await create(contexts)
    operations = [
        {"op": "append", "context": "users.42/chat", "entries": [{"role": "user", "content": "x"}]},
        {"op": "put", "context": "users.42/prefs", "kind": "preferences", "state": {"a": 1}},
        {"op": "patch", "context": "users.42/prefs", "merge": {"b": 2}},
    ]
    done = await call(contexts, "commit", operations=operations)
    assert [item["version"] for item in done["results"]] == [2, 1, 1]
    assert done["results"][0]["first_seq"] == 1
    operations += [{"op": "delete", "context": "users.42/none"}]
    error = await fail(contexts, "commit", operations=operations)
    assert error["code"] == "not_found"
    assert (await call(contexts, "read_context", context="users.42/chat"))["version"] == 2


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ({"op": "fly", "context": "users.42/chat"}, "/operations/0/op"),
        ({"op": "put", "context": "users.42/chat"}, "/operations/0/state: put needs it"),
        ({"op": "delete", "context": "users.42/chat", "state": {}}, "delete does not take it"),
        ({"op": "patch", "context": "users.42/chat"}, "either merge or ops"),
        ({"op": "append", "context": "users.42/chat"}, "/operations/0/entries"),
        ({"context": "users.42/chat"}, "missing required field op"),
    ],
)
async def test_a_wrong_operation_is_explained(contexts, operation, words):
    await create(contexts)
    error = await fail(contexts, "commit", operations=[operation])
    assert words in error["detail"]


async def test_too_many_entries_in_one_commit_are_refused(contexts):
    await create(contexts)
    entries = [{"role": "user", "content": "x"}] * 600
    operation = {"op": "append", "context": "users.42/chat", "entries": entries}
    error = await fail(contexts, "commit", operations=[operation, operation])
    assert (error["code"], error["limit"]) == ("too_large", "COMMIT_ENTRIES")


async def test_who_may_only_read_is_told_where_to_write(contexts, principals):
    await create(contexts)
    error = await fail(
        contexts, "patch_context", principals["reader"], context="users.42/chat", merge={"a": 1}
    )
    assert error["code"] == "forbidden"
    assert "writable" in error["next_step"]


async def test_a_write_is_finished_when_its_caller_is_gone(contexts):
    await create(contexts)
    going = asyncio.create_task(say(contexts, "one"))
    await asyncio.sleep(0)  # it has begun
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    await say(contexts, "two")
    answer = await call(contexts, "read_context", context="users.42/chat", part="entries")
    assert [entry["content"] for entry in answer["entries"]] == ["one", "two"]


async def test_what_takes_too_long_says_what_may_have_become_of_it(contexts, monkeypatch):
    async def never(*_args, **_kwargs):
        await asyncio.Event().wait()

    await create(contexts)
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.01)
    monkeypatch.setattr(contexts.store, "commit", never)
    monkeypatch.setattr(contexts.store, "snapshot", never)
    error = await fail(contexts, "write_context", context="users.42/chat", state={})
    assert error["code"] == "outcome_unknown"
    assert "idempotency_key" in error["next_step"]
    error = await fail(contexts, "read_context", context="users.42/chat")
    assert (error["code"], error["limit"]) == ("busy", "REQUEST_SECONDS")
    assert error["retry_after"] == 1, "as REST says in Retry-After"
