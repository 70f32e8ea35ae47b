"""Contexts over REST: create, read, list, change, remove."""

import httpx
import pytest

from backstory import limits

PATH = "/v1/contexts/users.42/notes"
MERGE = {"content-type": "application/merge-patch+json"}
PATCH = {"content-type": "application/json-patch+json"}


async def test_a_context_is_created_and_read_back(http):
    body = {
        "kind": "preferences",
        "state": {"tone": "brief", "n": 1.0},
        "labels": {"team": "blue"},
        "expires_at": "2099-01-01T00:00:00+02:00",
    }
    created = await http.put(PATH, json=body)
    assert created.status_code == 201
    assert created.headers["location"] == PATH
    assert created.headers["etag"] == '"1"'
    assert created.json()["version"] == 1
    read = await http.get(PATH)
    assert read.headers["etag"] == '"1"'
    assert read.headers["cache-control"] == "private, no-cache"
    assert read.headers["vary"] == "Authorization, Accept-Encoding"
    found = read.json()
    assert set(found) == {
        *("id", "namespace", "name", "kind", "version", "epoch", "state_version"),
        *(
            "content_version",
            "schema_version",
            "state",
            "labels",
            "entry_count",
            "content",
            "author",
        ),
        *("trust", "created_at", "updated_at", "expires_at"),
    }
    assert found["state"] == body["state"]
    assert found["labels"] == body["labels"]
    assert found["expires_at"] == "2098-12-31T22:00:00.000000Z"
    assert {name: found[name] for name in created.json()} == created.json()


async def test_a_put_replaces_as_a_whole(http, put):
    await http.put(PATH, json={"kind": "session", "state": {"a": 1}, "labels": ["x"]})
    replaced = await http.put(PATH, json={"kind": "session"})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"2"')
    assert "location" not in replaced.headers
    found = (await http.get(PATH)).json()
    assert (found["state"], found["labels"]) == ({}, [])


async def test_a_put_without_a_kind_keeps_it_and_cannot_create(http, put):
    await put()
    assert (await http.put(PATH, json={"state": {"b": 2}})).json()["kind"] == "session"
    missing = await http.put("/v1/contexts/users.42/other", json={"state": {}})
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (422, "/kind")


async def test_another_kind_is_a_conflict(http, put):
    await put()
    answer = await http.put(PATH, json={"kind": "document"})
    assert (answer.status_code, answer.json()["code"]) == (409, "kind_conflict")


async def test_a_write_that_changes_nothing_makes_no_version(http, put):
    await put(state={"a": 1})
    again = await http.put(PATH, json={"kind": "session", "state": {"a": 1}})
    assert (again.status_code, again.headers["etag"]) == (200, '"1"')
    merged = await http.patch(PATH, content=b'{"a": 1}', headers=MERGE)
    assert (merged.status_code, merged.json()["version"]) == (200, 1)


async def test_the_past_can_be_read(http, put, append):
    await put(state={"a": 1})
    await append("users.42/notes", "one")
    await put(state={"a": 2})
    past = await http.get(PATH, params={"at": 1})
    assert (past.json()["state"], past.headers["etag"]) == ({"a": 1}, '"1"')
    with_entries = await http.get(PATH, params={"at": 2, "entries": 5})
    assert [entry["content"] for entry in with_entries.json()["entries"]] == ["one"]
    future = await http.get(PATH, params={"at": 9})
    assert (future.status_code, future.json()["code"]) == (410, "history_gone")


async def test_the_last_entries_come_in_their_order(http, put, append):
    await put()
    await append("users.42/notes", "1", "2", "3")
    found = (await http.get(PATH, params={"entries": 2})).json()
    assert [entry["seq"] for entry in found["entries"]] == [2, 3]
    assert found["entries_next"] == 2
    all_of_them = (await http.get(PATH, params={"entries": 9})).json()
    assert [entry["seq"] for entry in all_of_them["entries"]] == [1, 2, 3]
    assert all_of_them["entries_next"] is None
    assert (await http.get(PATH, params={"entries": 0})).json()["entries"] == []


async def test_the_last_entries_are_bounded_in_bytes(http, put):
    await put()
    half = {"role": "user", "content": "x" * (limits.PAGE_BYTES // 2)}
    for _ in range(4):
        await http.post(f"{PATH}/entries", json={"entries": [half]})
    answer = await http.get(PATH, params={"entries": 4})
    seqs = [entry["seq"] for entry in answer.json()["entries"]]
    assert seqs[-1] == 4
    assert len(answer.content) < limits.PAGE_BYTES * 1.1
    assert answer.json()["entries_next"] == seqs[0]


async def test_catching_up_tells_what_changed(http, put, append):
    first = await put(state={"a": 1, "big": "x" * 500})
    await append("users.42/notes", "one")
    await put(state={"a": 2, "big": "x" * 500})
    answer = await http.get(PATH, params={"since": 1})
    assert answer.json() == {
        "from": 1,
        "to": 3,
        "more": False,
        "epoch": first["epoch"],
        "patch": [{"op": "replace", "path": "/a", "value": 2}],
        "head": {},
        "entries": answer.json()["entries"],
        "hidden": [],
        "redacted": [],
        "content": None,
    }
    assert [entry["content"] for entry in answer.json()["entries"]] == ["one"]
    nothing = (await http.get(PATH, params={"since": 3, "epoch": first["epoch"]})).json()
    assert (nothing["to"], nothing["patch"], nothing["entries"]) == (3, [], [])


async def test_catching_up_is_paged_at_version_boundaries(http, put, append):
    await put()
    for text in "abcd":
        await append("users.42/notes", text)
    seen, version, more = [], 1, True
    while more:
        page = (await http.get(PATH, params={"since": version, "limit": 2})).json()
        assert page["to"] > version
        seen += [entry["content"] for entry in page["entries"]]
        version, more = page["to"], page["more"]
    assert ("".join(seen), version) == ("abcd", 5)


@pytest.mark.parametrize("query", [{"since": 9}, {"since": 1, "epoch": "other"}])
async def test_catching_up_from_elsewhere_is_gone(http, put, query):
    await put()
    answer = await http.get(PATH, params=query)
    assert (answer.status_code, answer.json()["code"]) == (410, "history_gone")


async def test_a_merge_patch_changes_members_and_removes_nulls(http, put):
    await put(state={"a": 1, "b": {"c": 1, "d": 2}})
    answer = await http.patch(PATH, content=b'{"a": null, "b": {"c": 3}}', headers=MERGE)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert answer.json()["version"] == 2
    assert (await http.get(PATH)).json()["state"] == {"b": {"c": 3, "d": 2}}


async def test_a_json_patch_does_all_operations_or_none(http, put):
    await put(state={"a": [1]})
    operations = (
        b'[{"op": "add", "path": "/a/-", "value": 2}, {"op": "move", "from": "/a", "path": "/b"}]'
    )
    assert (await http.patch(PATH, content=operations, headers=PATCH)).json()["version"] == 2
    failing = (
        b'[{"op": "add", "path": "/c", "value": 2}, {"op": "test", "path": "/b/0", "value": 9}]'
    )
    answer = await http.patch(PATH, content=failing, headers=PATCH)
    assert (answer.status_code, answer.json()["code"]) == (409, "patch_conflict")
    assert answer.json()["operation"] == 1
    assert (await http.get(PATH)).json()["state"] == {"b": [1, 2]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"op": "add"}', 400, "invalid_patch"),
        (b'[{"op": "add", "path": "/a"}]', 400, "invalid_patch"),
        (b'[{"op": "dance", "path": "/a"}]', 400, "invalid_patch"),
        (b'[{"op": "add", "path": "a", "value": 1}]', 400, "invalid_patch"),
        (b'[{"op": "remove", "path": "/nope"}]', 409, "patch_conflict"),
        (b'[{"op": "replace", "path": "", "value": []}]', 422, "schema_violation"),
        (b"[", 400, "malformed"),
    ],
)
async def test_what_is_wrong_with_a_patch_is_told(http, put, body, status, code):
    await put()
    answer = await http.patch(PATH, content=body, headers=PATCH)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_merge_patch_that_makes_the_state_no_object_is_refused(http, put):
    await put()
    answer = await http.patch(PATH, content=b"[1]", headers=MERGE)
    assert (answer.status_code, answer.json()["code"]) == (422, "schema_violation")


async def test_a_patch_needs_a_media_type_that_says_which(http, put):
    await put()
    for headers in ({"content-type": "application/json"}, {}):
        answer = await http.patch(PATH, content=b"{}", headers=headers)
        assert answer.status_code == 415
        assert answer.headers["accept-patch"] == f"{MERGE['content-type']}, {PATCH['content-type']}"


async def test_a_deleted_context_is_gone_but_its_past_is_not(http, put):
    await put(state={"a": 1})
    deleted = await http.delete(PATH)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await http.get(PATH)).status_code == 404
    assert (await http.delete(PATH)).status_code == 404
    assert (await http.patch(PATH, content=b"{}", headers=MERGE)).status_code == 404
    assert (await http.get(PATH, params={"at": 1})).json()["state"] == {"a": 1}
    assert (await http.put(PATH, json={"kind": "session"})).json()["version"] == 3


async def test_a_purged_context_has_no_past(http, put):
    await put(state={"a": 1})
    assert (await http.delete(PATH, params={"purge": "true"})).status_code == 204
    assert (await http.get(PATH)).status_code == 404
    assert (await http.get(PATH, params={"at": 1})).status_code in {404, 410}
    assert (await http.get(f"{PATH}/versions")).status_code == 404


async def test_contexts_are_listed_in_order_and_by_page(http, put):
    for name in ("c", "a", "b"):
        await put(f"users.42/{name}")
    await put("users.42.deep/d")
    await put("users.43/e")
    seen, cursor = [], None
    while True:
        query = {"namespace": "users.42.*", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/v1/contexts", params=query)).json()
        assert "state" not in page["items"][0]
        seen += [f"{item['namespace']}/{item['name']}" for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == ["users.42/a", "users.42/b", "users.42/c", "users.42.deep/d"]
    alone = (await http.get("/v1/contexts", params={"namespace": "users.43"})).json()
    assert [item["name"] for item in alone["items"]] == ["e"]


async def test_lists_are_filtered(http, put):
    await http.put("/v1/contexts/a/one", json={"kind": "session", "labels": ["x"]})
    two = await http.put("/v1/contexts/a/two", json={"kind": "document", "labels": {"k": "v"}})

    async def names(**query):
        page = await http.get("/v1/contexts", params=query)
        return [item["name"] for item in page.json()["items"]]

    assert await names() == ["one", "two"]
    assert await names(kind="document") == ["two"]
    assert await names(label="x") == ["one"]
    assert await names(label="k=v") == ["two"]
    assert await names(label="nope") == []
    assert await names(updated_since=two.json()["updated_at"]) == ["two"]
    assert await names(updated_since="2099-01-01T00:00:00+01:00") == []


async def test_an_expired_context_cannot_be_read(http):
    body = {"kind": "session", "expires_at": "2001-01-01T00:00:00Z"}
    assert (await http.put(PATH, json=body)).status_code == 201
    assert (await http.get(PATH)).status_code == 404
    assert (await http.get("/v1/contexts")).json()["items"] == []


async def test_names_in_paths_may_be_percent_encoded(http, put):
    await put("users.42/a~b.c-d_e")
    answer = await http.get("/v1/contexts/users%2E42/a%7Eb.c-d_e")
    assert answer.json()["name"] == "a~b.c-d_e"


@pytest.mark.parametrize(
    "path",
    [
        "Users/a",
        "users..42/a",
        ".users/a",
        "a.b.c.d.e.f.g.h.i/a",
        "users.42/ä",
        "users.42/a%20b",
        "users.42/a%00",
        "x" * 201 + "/a",
        "users/" + "x" * 201,
        "users/%2E%2E",
        "users*/a",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_bad_key_is_told_with_the_rule(http, path, method):
    url = httpx.URL(f"http://localhost/v1/contexts/{path}")
    answer = await http.request(method, url, json={"kind": "session"} if method == "PUT" else None)
    if path.endswith("%2E%2E"):  # the client itself may resolve dots
        assert answer.status_code in {400, 404, 405}
        return
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_key")
    assert "[a-z0-9_-]" in answer.json()["detail"] or "[A-Za-z0-9._~-]" in answer.json()["detail"]


async def test_what_no_route_matches_is_not_found(http):
    for path in ("/", "/v1", "/v1/contexts/", "/v1/contexts/a/b/", "/v1/contexts/a/b/c", "/v2/x"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_a_method_that_is_not_there_is_told_with_those_that_are(http):
    answer = await http.post(PATH, json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"


async def test_options_tells_methods_and_media_types(http):
    answer = await http.options(PATH)
    assert answer.status_code == 204
    assert set(answer.headers["allow"].split(", ")) >= {"GET", "HEAD", "PUT", "PATCH", "DELETE"}
    assert MERGE["content-type"] in answer.headers["accept-patch"]
    assert (await http.options("/v1/search")).headers["accept-post"] == "application/json"


async def test_head_tells_what_get_would(http, put):
    await put()
    head, get = await http.head(PATH), await http.get(PATH)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == get.headers["etag"]
    assert head.headers["content-length"] == get.headers["content-length"]
    assert (await http.head("/v1/contexts/users.42/none")).status_code == 404
