"""No page is over its bound in bytes, and what is cut can be read to its end."""

import pytest

from backstory import limits
from backstory.contexts.fitting import fitting


def test_one_item_always_fits():
    assert fitting([limits.PAGE_BYTES + 1, 1]) == 1
    assert fitting([]) == 0


def test_items_fit_up_to_the_bound(monkeypatch):
    monkeypatch.setattr(limits, "PAGE_BYTES", 8)
    assert fitting([4, 4, 4]) == 2
    assert fitting([4, 4]) == 2


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(limits, "PAGE_BYTES", 2000)


async def read_all(http, path, key, **query):
    seen, pages, after = [], 0, None
    while True:
        answer = await http.get(path, params=query | ({key: after} if after else {}))
        page = answer.json()
        assert len(answer.content) < 4000
        seen += page["items"]
        pages += 1
        if page["next"] is None or not page["items"]:
            return seen, pages
        after = page["next"]


async def test_lists_are_cut_and_go_on(http, put, small_pages):
    for number in range(9):
        await put(f"a/n{number}")
    seen, pages = await read_all(http, "/v1/contexts", "cursor", limit=1000)
    assert [item["name"] for item in seen] == [f"n{number}" for number in range(9)]
    assert pages > 2


async def test_versions_are_cut_and_go_on(http, put, small_pages):
    for number in range(12):
        await put("a/b", state={"n": number})
    seen, pages = await read_all(http, "/v1/contexts/a/b/versions", "before", limit=1000)
    assert [item["version"] for item in seen] == list(range(12, 0, -1))
    assert pages > 2


async def test_changes_are_cut_between_commits_and_go_on(http, put, small_pages):
    operations = [
        {"op": "put", "context": f"a/n{number}", "kind": "session"} for number in range(7)
    ]
    await http.post("/v1/commits", json={"operations": operations})
    for number in range(6):
        await put(f"b/n{number}")
    await http.post(
        "/v1/commits",
        json={"operations": [{"op": "delete", "context": f"b/n{number}"} for number in range(3)]},
    )
    seen, after, pages = [], None, 0
    while True:
        page = (await http.get("/v1/changes", params={"after": after} if after else {})).json()
        if not page["items"]:
            break
        commits = [item["commit"] for item in page["items"]]
        assert not seen or seen[-1]["commit"] != commits[0], "a page split a commit"
        seen += page["items"]
        after, pages = page["next"], pages + 1
    names = [f"a/n{n}" for n in range(7)] + [f"b/n{n}" for n in range(6)] + ["b/n0", "b/n1", "b/n2"]
    assert [f"{item['namespace']}/{item['name']}" for item in seen] == names
    assert pages > 2
