"""The past over REST: versions, differences, going back, branching, letting go."""

import pytest

PATH = "/v1/contexts/users.42/chat"


@pytest.fixture
async def chat(put, append):
    """Four versions: created, an entry, another state, another entry."""
    await put("users.42/chat", "conversation", {"a": 1})
    await append("users.42/chat", "one")
    await put("users.42/chat", "conversation", {"a": 2})
    await append("users.42/chat", "two")


async def contents(http, path=PATH, **query):
    page = (await http.get(f"{path}/entries", params=query)).json()
    return [(item["seq"], item["content"]) for item in page["items"]]


async def test_versions_tell_who_changed_what_newest_first(http, chat):
    page = (await http.get(f"{PATH}/versions")).json()
    assert [item["version"] for item in page["items"]] == [4, 3, 2, 1]
    assert page["next"] is None
    newest, oldest = page["items"][0], page["items"][-1]
    assert (newest["op"], newest["parts"], newest["seqs"]) == ("updated", ["entries"], [[2, 2]])
    assert (oldest["op"], oldest["by"]) == ("created", "local")


@pytest.mark.parametrize(
    ("order", "key", "expected"),
    [("desc", "before", [[4, 3], [2, 1]]), ("asc", "after", [[1, 2], [3, 4]])],
)
async def test_versions_are_paged(http, chat, order, key, expected):
    seen, at = [], None
    while True:
        query = {"limit": 2, "order": order} | ({key: at} if at else {})
        page = (await http.get(f"{PATH}/versions", params=query)).json()
        seen.append([item["version"] for item in page["items"]])
        if (at := page["next"]) is None:
            break
    assert seen == expected


async def test_deletions_are_part_of_the_past(http, chat):
    await http.delete(PATH)
    page = (await http.get(f"{PATH}/versions", params={"limit": 1})).json()
    assert (page["items"][0]["version"], page["items"][0]["op"]) == (5, "deleted")


async def test_two_versions_are_compared_in_either_direction(http, chat):
    forth = (await http.get(f"{PATH}/diff", params={"from": 1})).json()
    assert (forth["from"], forth["to"]) == (1, 4)
    assert forth["patch"] == [{"op": "replace", "path": "/a", "value": 2}] or forth["patch"] == [
        {"op": "replace", "path": "", "value": {"a": 2}}
    ]
    assert forth["entries"] == {"shown": [[1, 2]], "hidden": []}
    back = (await http.get(f"{PATH}/diff", params={"from": 3, "to": 1})).json()
    assert back["entries"] == {"shown": [], "hidden": [[1, 1]]}


async def test_a_difference_needs_a_version_to_begin_with(http, chat):
    assert (await http.get(f"{PATH}/diff")).status_code == 400
    assert (await http.get(f"{PATH}/diff", params={"from": 9})).status_code == 410


async def test_a_restore_is_a_new_version_and_hides_later_entries(http, chat):
    answer = await http.post(f"{PATH}/restore", json={"version": 2})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"5"')
    assert (answer.json()["version"], answer.json()["entry_count"]) == (5, 1)
    assert (await http.get(PATH)).json()["state"] == {"a": 1}
    assert await contents(http) == [(1, "one")]
    more = await http.post(
        f"{PATH}/entries", json={"entries": [{"role": "user", "content": "three"}]}
    )
    assert more.json()["seqs"] == [3]
    assert await contents(http) == [(1, "one"), (3, "three")]
    assert await contents(http, at=4) == [(1, "one"), (2, "two")]


async def test_a_deleted_context_can_be_restored(http, chat):
    await http.delete(PATH)
    answer = await http.post(f"{PATH}/restore", json={"version": 4})
    assert (answer.status_code, answer.json()["version"]) == (200, 6)
    assert await contents(http) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"version": 9}, 410), ({"version": 0}, 422), ({}, 422), ({"version": "1"}, 422), ([], 422)],
)
async def test_a_restore_of_what_is_not_there_is_told(http, chat, body, status):
    assert (await http.post(f"{PATH}/restore", json=body)).status_code == status


async def test_a_fork_begins_as_its_source_stood(http, chat):
    answer = await http.post(f"{PATH}/fork", json={"to": "users.7/branch", "at": 3})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/contexts/users.7/branch"
    assert (answer.headers["etag"], answer.json()["version"]) == ('"1"', 1)
    branch = answer.headers["location"]
    assert (await http.get(branch)).json()["state"] == {"a": 2}
    assert await contents(http, branch) == [(1, "one")]
    await http.post(f"{branch}/entries", json={"entries": [{"role": "user", "content": "b"}]})
    assert await contents(http) == [(1, "one"), (2, "two")]


async def test_a_fork_needs_a_free_name(http, chat, put):
    await put("users.7/branch")
    answer = await http.post(f"{PATH}/fork", json={"to": "users.7/branch"})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    await http.delete("/v1/contexts/users.7/branch")
    again = await http.post(f"{PATH}/fork", json={"to": "users.7/branch"})
    assert (again.status_code, again.json()["version"]) == (201, 3)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "users.7"}, 400, "invalid_key"),
        ({"to": "users.7/a/b"}, 400, "invalid_key"),
        ({"to": "Users/a"}, 400, "invalid_key"),
        ({"to": 5}, 422, "schema_violation"),
        ({}, 422, "schema_violation"),
        ({"to": "users.7/a", "at": 99}, 410, "history_gone"),
        ({"to": "users.7/a", "deep": 1}, 422, "schema_violation"),
    ],
)
async def test_what_is_wrong_with_a_fork_is_told(http, chat, body, status, code):
    answer = await http.post(f"{PATH}/fork", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_fork_of_nothing_is_not_found(http):
    answer = await http.post(f"{PATH}/fork", json={"to": "users.7/a"})
    assert answer.status_code == 404


async def test_forgotten_versions_cannot_be_read_back(http, chat):
    answer = await http.post(f"{PATH}/forget", params={"before": 3})
    assert answer.status_code == 200
    assert (answer.json()["version"], answer.json()["history_from"]) == (4, 3)
    assert (await http.get(PATH, params={"at": 2})).status_code == 410
    assert (await http.get(PATH, params={"since": 2})).status_code == 410
    assert (await http.get(PATH, params={"at": 3})).status_code == 200
    again = await http.post(f"{PATH}/forget", params={"before": 3})
    assert (again.status_code, again.json()["history_from"]) == (200, 3)
    assert (await http.post(f"{PATH}/forget", params={"before": 9})).status_code == 410
    assert (await http.post(f"{PATH}/forget")).status_code == 400
