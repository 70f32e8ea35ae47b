"""Search over REST."""

import pytest


async def search(http, **body):
    answer = await http.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def filled(put, append, http):
    await put("users.42/chat", "conversation")
    await append("users.42/chat", "the red fox runs", "a blue whale sings")
    await put("users.43/notes", "document", {"title": "foxes and whales", "note": "red wine"})
    body = {"kind": "session", "state": {}, "labels": ["urgent"]}
    await http.put("/v1/contexts/users.44/s", json=body)


async def test_states_and_entries_are_found_with_highlights(http, filled):
    page = await search(http, query="red")
    assert page["next"] is None
    found = {(item["context"], item["seq"]): item for item in page["items"]}
    assert set(found) == {("users.42/chat", 1), ("users.43/notes", None)}
    entry = found["users.42/chat", 1]
    assert set(entry) == {"context", "kind", "seq", "score", "text", "highlights"}
    (start, end), *_ = entry["highlights"]
    assert entry["text"][start:end] == "red"


async def test_phrases_beginnings_and_filters(http, filled):
    async def contexts(**body):
        return [item["context"] for item in (await search(http, **body))["items"]]

    assert await contexts(query='"red fox"') == ["users.42/chat"]
    assert await contexts(query='"fox red"') == []
    assert sorted(await contexts(query="fox*")) == ["users.42/chat", "users.43/notes"]
    assert await contexts(query="red", namespace="users.43.*") == ["users.43/notes"]
    assert await contexts(query="red", kind="conversation") == ["users.42/chat"]
    assert await contexts(label="urgent") == ["users.44/s"]


async def test_hits_are_paged(http, put, append):
    await put("a/chat", "conversation")
    await append("a/chat", *(f"needle {number}" for number in range(5)))
    seen, cursor = [], None
    while True:
        page = await search(http, query="needle", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["seq"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert sorted(seen) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "schema_violation"),
        ({"query": ""}, 422, "schema_violation"),
        ({"query": "!?"}, 422, "schema_violation"),
        ({"query": 5}, 422, "schema_violation"),
        ({"query": "x", "limit": 0}, 422, "schema_violation"),
        ({"query": "x", "limit": 1001}, 422, "schema_violation"),
        ({"query": "x", "what": 1}, 422, "schema_violation"),
        ({"query": "x", "kind": "nope"}, 422, "unknown_kind"),
        ({"query": "x", "namespace": "Users"}, 400, "invalid_key"),
        ({"query": "x", "cursor": "nope"}, 400, "invalid_cursor"),
        ({"query": "x" * 2000}, 413, "too_large"),
    ],
)
async def test_what_is_wrong_with_a_search_is_told(http, body, status, code):
    answer = await http.post("/v1/search", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
