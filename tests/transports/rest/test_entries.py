"""Entries over REST: append, page through, redact."""

import pytest

from backstory import limits

CHAT = "/v1/contexts/users.42/chat"
ENTRIES = f"{CHAT}/entries"


@pytest.fixture
async def chat(put):
    return await put("users.42/chat", "conversation")


async def test_entries_are_appended_and_numbered(http, chat):
    first = await http.post(ENTRIES, json={"entries": [{"role": "user", "content": "hi"}]})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert first.json() == {
        "version": 2,
        "first_seq": 1,
        "last_seq": 1,
        "seqs": [1],
        "created": 1,
    }
    parts = [{"type": "tool_call", "id": "c1", "name": "search", "arguments": {"q": 1}}]
    rich = {"role": "assistant", "type": "tool_call", "content": parts, "metadata": {"m": 1}}
    more = await http.post(ENTRIES, json={"entries": [rich, {"role": "tool", "content": "ok"}]})
    assert more.json()["seqs"] == [2, 3]
    page = (await http.get(ENTRIES)).json()
    assert page["next"] is None
    assert set(page["items"][0]) == {
        *("seq", "id", "role", "type", "content", "metadata"),
        *("author", "trust", "version", "created_at"),
    }
    assert page["items"][1]["content"] == parts
    assert page["items"][1]["metadata"] == {"m": 1}
    assert (await http.get(CHAT)).json()["entry_count"] == 3


async def test_a_known_id_is_not_stored_twice(http, chat):
    body = {"entries": [{"role": "user", "content": "a", "id": "x"}]}
    await http.post(ENTRIES, json=body)
    body["entries"].insert(0, {"role": "user", "content": "b"})
    again = (await http.post(ENTRIES, json=body)).json()
    assert again == {"version": 3, "first_seq": 1, "last_seq": 2, "seqs": [2, 1], "created": 1}
    known = (await http.post(ENTRIES, json={"entries": body["entries"][1:]})).json()
    assert (known["version"], known["seqs"], known["created"]) == (3, [1], 0)


async def test_an_unknown_context_is_not_found(http):
    answer = await http.post(ENTRIES, json={"entries": [{"role": "user", "content": "x"}]})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await http.get(ENTRIES)).status_code == 404


async def test_entries_are_paged_in_both_directions(http, chat, append):
    await append("users.42/chat", *"abcde")

    async def pages(order, key):
        seen, at = [], None
        while True:
            query = {"limit": 2, "order": order} | ({key: at} if at else {})
            page = (await http.get(ENTRIES, params=query)).json()
            seen.append("".join(item["content"] for item in page["items"]))
            if (at := page["next"]) is None:
                return seen

    assert await pages("asc", "after") == ["ab", "cd", "e"]
    assert await pages("desc", "before") == ["ed", "cb", "a"]
    between = (await http.get(ENTRIES, params={"after": 1, "before": 4})).json()
    assert [item["seq"] for item in between["items"]] == [2, 3]


async def test_a_page_is_bounded_in_bytes(http, chat):
    half = {"role": "user", "content": "x" * (limits.PAGE_BYTES // 2)}
    for _ in range(3):
        await http.post(ENTRIES, json={"entries": [half]})
    answer = await http.get(ENTRIES)
    assert len(answer.content) < limits.PAGE_BYTES * 1.1
    assert answer.json()["next"] == answer.json()["items"][-1]["seq"] < 3


async def test_entries_of_the_past(http, chat, append):
    await append("users.42/chat", "a")
    await append("users.42/chat", "b")
    page = (await http.get(ENTRIES, params={"at": 2})).json()
    assert [item["content"] for item in page["items"]] == ["a"]


async def test_a_redacted_entry_leaves_a_marker(http, chat, append):
    await append("users.42/chat", "keep", "secret")
    answer = await http.delete(f"{ENTRIES}/2")
    assert (answer.status_code, answer.headers["etag"]) == (204, '"3"')
    for query in ({}, {"at": 2}):
        page = await http.get(ENTRIES, params=query)
        assert "secret" not in page.text
        assert [item["type"] for item in page.json()["items"]] == ["message", "redacted"]
    assert (await http.get(CHAT)).json()["entry_count"] == 2
    caught_up = (await http.get(CHAT, params={"since": 2})).json()
    assert caught_up["redacted"] == [2]


@pytest.mark.parametrize(("seq", "status"), [("9", 404), ("0", 400), ("x", 400), ("-1", 400)])
async def test_a_seq_that_is_not_there_is_told(http, chat, seq, status):
    assert (await http.delete(f"{ENTRIES}/{seq}")).status_code == status


@pytest.mark.parametrize(
    ("entries", "pointer"),
    [
        ([], "/entries"),
        ({}, "/entries"),
        ("x", "/entries"),
        ([1], "/entries/0"),
        ([{"content": "x"}], "/entries/0/role"),
        ([{"role": "user"}], "/entries/0/content"),
        ([{"role": "user", "content": None}], "/entries/0/content"),
        ([{"role": "user", "content": "x"}, {"role": "User!", "content": "x"}], "/entries/1/role"),
        ([{"role": "user", "content": "x", "id": ""}], "/entries/0/id"),
        ([{"role": "user", "content": "x", "id": "~1"}], "/entries/0/id"),
        ([{"role": "user", "content": "x", "type": "redacted"}], "/entries/0/type"),
        ([{"role": "user", "content": "x", "metadata": []}], "/entries/0/metadata"),
        ([{"role": "user", "content": "x", "author": "me"}], "/entries/0/author"),
        ([{"role": "user", "content": [{"text": "x"}]}], "/entries/0/content/0"),
    ],
)
async def test_each_wrong_place_is_pointed_to(http, chat, entries, pointer):
    answer = await http.post(ENTRIES, json={"entries": entries})
    assert (answer.status_code, answer.json()["code"]) == (422, "schema_violation")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await http.get(CHAT)).json()["version"] == 1


async def test_more_than_a_thousand_entries_at_once_are_too_many(http, chat):
    entries = [{"role": "user", "content": "x"}] * (limits.APPEND_ENTRIES + 1)
    answer = await http.post(ENTRIES, json={"entries": entries})
    assert (answer.status_code, answer.json()["limit"]) == (413, "APPEND_ENTRIES")
    fits = await http.post(ENTRIES, json={"entries": entries[1:]})
    assert fits.json()["last_seq"] == limits.APPEND_ENTRIES
