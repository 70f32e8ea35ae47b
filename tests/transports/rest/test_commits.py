"""Several contexts change together or not at all."""

import pytest

from backstory import limits


async def commit(http, *operations, **headers):
    return await http.post("/v1/commits", json={"operations": operations}, headers=headers)


async def test_a_commit_changes_all_its_contexts_as_one(http, put, append):
    await put("users.42/chat", "conversation")
    await put("users.42/prefs", "preferences", {"tone": "brief"})
    await put("users.42/old", "session")
    answer = await commit(
        http,
        {"op": "append", "context": "users.42/chat", "entries": [{"role": "user", "content": "a"}]},
        {"op": "patch", "context": "users.42/prefs", "merge": {"tone": "warm"}, "if_version": 1},
        {"op": "put", "context": "users.42/new", "kind": "session", "state": {"s": 1}},
        {"op": "delete", "context": "users.42/old", "if_state_version": 1},
    )
    assert answer.status_code == 200
    done = answer.json()
    assert [(r["context"], r["op"], r["version"]) for r in done["results"]] == [
        ("users.42/chat", "append", 2),
        ("users.42/prefs", "patch", 2),
        ("users.42/new", "put", 1),
        ("users.42/old", "delete", 2),
    ]
    assert (done["results"][0]["seqs"], done["results"][0]["created"]) == ([1], 1)
    assert done["results"][2]["created"] is True
    changes = (await http.get("/v1/changes")).json()["items"]
    assert {item["commit"] for item in changes[-4:]} == {done["commit"]}


async def test_one_that_fails_undoes_all(http, put):
    await put("users.42/a", state={"n": 1})
    answer = await commit(
        http,
        {"op": "put", "context": "users.42/b", "kind": "session"},
        {"op": "patch", "context": "users.42/a", "merge": {"n": 2}, "if_version": 9},
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    assert (answer.json()["context"], answer.json()["current_version"]) == ("users.42/a", 1)
    assert (await http.get("/v1/contexts/users.42/b")).status_code == 404
    assert (await http.get("/v1/contexts/users.42/a")).json()["state"] == {"n": 1}


async def test_several_on_one_context_make_one_version(http):
    entry = {"role": "user", "content": "x"}
    answer = await commit(
        http,
        {"op": "put", "context": "a/b", "kind": "conversation", "if_version": 0},
        {"op": "append", "context": "a/b", "entries": [entry]},
        {"op": "patch", "context": "a/b", "ops": [{"op": "add", "path": "/n", "value": 1}]},
    )
    assert [result["version"] for result in answer.json()["results"]] == [1, 1, 1]


async def test_a_commit_that_changes_nothing_has_no_name(http, put):
    await put("a/b", state={"n": 1})
    answer = await commit(http, {"op": "patch", "context": "a/b", "merge": {"n": 1}})
    assert answer.json() == {
        "commit": None,
        "results": [{"context": "a/b", "op": "patch", "version": 1, "changed": False}],
    }


@pytest.mark.parametrize(
    ("operation", "status", "pointer"),
    [
        ({"op": "dance", "context": "a/b"}, 422, "/operations/0/op"),
        ({"op": "delete"}, 422, "/operations/0/context"),
        ({"context": "a/b"}, 422, "/operations/0/op"),
        ({"op": "delete", "context": "a"}, 400, "/operations/0/context"),
        ({"op": "delete", "context": "a/b", "what": 1}, 422, "/operations/0/what"),
        ({"op": "delete", "context": "a/b", "state": {}}, 422, "/operations/0/state"),
        (
            {"op": "put", "context": "a/b", "kind": "session", "state": []},
            422,
            "/operations/0/state",
        ),
        ({"op": "put", "context": "a/b", "labels": [1]}, 422, "/operations/0/labels/0"),
        ({"op": "patch", "context": "a/b"}, 422, "/operations/0"),
        ({"op": "patch", "context": "a/b", "merge": {}, "ops": []}, 422, "/operations/0"),
        ({"op": "append", "context": "a/b"}, 422, "/operations/0/entries"),
        ({"op": "append", "context": "a/b", "entries": [{}]}, 422, "/operations/0/entries/0/role"),
        ({"op": "delete", "context": "a/b", "if_version": -1}, 422, "/operations/0/if_version"),
        ({"op": "delete", "context": "a/b", "if_version": "1"}, 422, "/operations/0/if_version"),
        (5, 422, "/operations/0"),
    ],
)
async def test_each_wrong_place_is_pointed_to(http, operation, status, pointer):
    answer = await commit(http, operation)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("body", [{}, {"operations": []}, {"operations": {}}, [], {"ops": []}])
async def test_a_commit_has_operations(http, body):
    answer = await http.post("/v1/commits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "schema_violation")


async def test_operations_and_entries_have_bounds(http, put):
    await put("a/b")
    many = [{"op": "delete", "context": "a/b"}] * (limits.COMMIT_OPERATIONS + 1)
    answer = await commit(http, *many)
    assert (answer.status_code, answer.json()["limit"]) == (413, "COMMIT_OPERATIONS")
    entries = [{"role": "user", "content": "x"}] * (limits.COMMIT_ENTRIES // 2 + 1)
    append = {"op": "append", "context": "a/b", "entries": entries}
    answer = await commit(http, append, append)
    assert (answer.status_code, answer.json()["limit"]) == (413, "COMMIT_ENTRIES")


async def test_a_patch_that_does_not_apply_names_its_context(http, put):
    await put("a/one")
    await put("a/two")
    operations = [{"op": "remove", "path": "/none"}]
    answer = await commit(
        http,
        {"op": "patch", "context": "a/one", "merge": {"x": 1}},
        {"op": "patch", "context": "a/two", "ops": operations},
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "patch_conflict")
    assert (answer.json()["context"], answer.json()["operation"]) == ("a/two", 0)
