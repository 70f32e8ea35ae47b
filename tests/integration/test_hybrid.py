"""Sensitive namespaces in a file on the premises, the rest in PostgreSQL, behind one server."""

import asyncio
import itertools

import asyncpg
import pytest

import postgres_server
from serving import serving

ROUTES = "medical.*, users.7.* = sqlite:///own/medical.db"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hybrid(postgres_cluster, tmp_path_factory):
    """The server, and the URL of its database."""
    if postgres_cluster is None:
        pytest.skip(postgres_server.MISSING)
    asyncio.run(
        postgres_cluster.do(
            f"CREATE DATABASE hybrid TEMPLATE template OWNER {postgres_server.PLAIN}"
        )
    )
    url = postgres_cluster.url("hybrid", postgres_server.PLAIN)
    folder = tmp_path_factory.mktemp("hybrid")
    (folder / "own").mkdir()
    with serving(folder, "--routes", ROUTES, store=url) as server:
        yield server
    asyncio.run(postgres_cluster.do("DROP DATABASE hybrid WITH (FORCE)"))


@pytest.fixture
def http(hybrid):
    with hybrid.client() as client:
        yield client


@pytest.fixture
def pair():
    """A name of the test's own, and the same one in what is kept apart."""
    number = next(_numbers)
    return f"sales.{number}", f"medical.{number}"


def made(http, context, state=None, kind="conversation"):
    answer = http.put(f"/v1/contexts/{context}", json={"kind": kind, "state": state or {}})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def said(http, context, *texts):
    entries = [{"role": "user", "content": text} for text in texts]
    answer = http.post(f"/v1/contexts/{context}/entries", json={"entries": entries})
    assert answer.status_code == 200, answer.text
    return answer.json()


def everything(http, after=None, limit=1000, **more):
    """All changes behind a cursor, page by page, and the cursor at the end."""
    found = []
    while True:
        wanted = {"limit": limit} | ({"after": after} if after else {}) | more
        page = http.get("/v1/changes", params=wanted).json()
        found += page["items"]
        if not page["items"]:
            return found, page["next"]
        after = page["next"]


def names(items):
    return [f"{item['namespace']}/{item['name']}" for item in items]


def test_what_is_routed_lies_in_its_own_store_and_in_no_other(hybrid, http, pair, postgres_cluster):
    for at, namespace in enumerate(pair):
        made(http, f"{namespace}/note", {"text": f"unmistakable {at}"})
        said(http, f"{namespace}/note", f"a remark {at}")
        read = http.get(f"/v1/contexts/{namespace}/note", params={"entries": 5}).json()
        assert read["state"] == {"text": f"unmistakable {at}"}
        assert [entry["content"] for entry in read["entries"]] == [f"a remark {at}"]
    with hybrid.client() as one:  # both were written through one door
        assert names(one.get("/v1/contexts", params={"namespace": pair[1]}).json()["items"])
    file = b"".join(path.read_bytes() for path in (hybrid.folder / "own").glob("medical.db*"))
    assert b"unmistakable 1" in file
    assert b"unmistakable 0" not in file

    async def kept():
        database = await asyncpg.connect(postgres_cluster.url("hybrid"))
        try:
            spaces = await database.fetch("SELECT DISTINCT namespace FROM contexts")
        finally:
            await database.close()
        return {row["namespace"] for row in spaces}

    spaces = asyncio.run(kept())
    assert pair[0] in spaces
    assert not [each for each in spaces if each.startswith("medical")]


def test_a_commit_across_stores_is_refused_and_nothing_of_it_is_written(http, pair):
    made(http, f"{pair[0]}/a")
    operations = [
        {"op": "append", "context": f"{pair[0]}/a", "entries": [{"role": "user", "content": "x"}]},
        {"op": "put", "context": f"{pair[1]}/b", "kind": "conversation", "state": {}},
    ]
    refused = http.post("/v1/commits", json={"operations": operations})
    assert (refused.status_code, refused.json()["code"]) == (422, "commit_spans_stores")
    assert refused.json()["errors"][0]["pointer"] == "/operations/1"
    assert http.get(f"/v1/contexts/{pair[0]}/a").json()["entry_count"] == 0
    assert http.get(f"/v1/contexts/{pair[1]}/b").status_code == 404
    for one in operations:
        assert http.post("/v1/commits", json={"operations": [one]}).status_code == 200


def test_a_context_is_forked_within_its_store_only(http, pair):
    said(http, made(http, f"{pair[1]}/a")["namespace"] + "/a", "one")
    away = http.post(f"/v1/contexts/{pair[1]}/a/fork", json={"to": f"{pair[0]}/a"})
    assert (away.status_code, away.json()["code"]) == (422, "commit_spans_stores")
    here = http.post(f"/v1/contexts/{pair[1]}/a/fork", json={"to": f"{pair[1]}/b"})
    assert here.status_code == 201
    entries = http.get(f"/v1/contexts/{pair[1]}/b/entries").json()["items"]
    assert [entry["content"] for entry in entries] == ["one"]


def test_one_cursor_spans_both_and_is_resumed_at_any_place(http, pair):
    _, start = everything(http, after="now")
    for n in range(4):
        for namespace in pair:
            made(http, f"{namespace}/{n}")
            said(http, f"{namespace}/{n}", "one")
    whole, end = everything(http, after=start)
    assert len(whole) == 16
    for limit in (1, 3, 7):
        paged, _ = everything(http, after=start, limit=limit)
        assert [each["commit"] for each in paged] == [each["commit"] for each in whole]
    for at in range(16):
        rest, _ = everything(http, after=whole[at]["cursor"])
        assert [each["commit"] for each in rest] == [each["commit"] for each in whole[at + 1 :]]
    for namespace in pair:
        own, _ = everything(http, after=start, namespace=namespace)
        assert names(own) == [f"{namespace}/{n}" for n in range(4) for _ in range(2)]
    assert everything(http, after=end) == ([], end)


def test_a_watcher_hears_of_both(http, pair):
    _, cursor = everything(http, after="now")
    for namespace in pair:
        made(http, f"{namespace}/heard")
        wanted = {"after": cursor, "wait": 30}
        page = http.get("/v1/changes", params=wanted).json()
        assert names(page["items"]) == [f"{namespace}/heard"]
        cursor = page["next"]


def test_lists_and_search_are_merged_and_paged(http, pair):
    word = f"word{pair[0].rpartition('.')[2]}x"
    for namespace in pair:
        for n in range(3):
            made(http, f"{namespace}/{n}", {"text": f"{word} {'again ' * n}"})
    listed, cursor = [], None
    while True:
        wanted = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = http.get("/v1/contexts", params=wanted).json()
        listed += names(page["items"])
        if (cursor := page["next"]) is None:
            break
    assert listed == sorted(listed)
    assert {f"{namespace}/{n}" for namespace in pair for n in range(3)} <= set(listed)
    assert len(listed) == len(set(listed))
    found, cursor = [], None
    while True:
        wanted = {"query": word, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = http.post("/v1/search", json=wanted).json()
        found += [(-item["score"], item["context"]) for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert sorted(name for _, name in found) == [
        f"{each}/{n}" for each in pair[::-1] for n in range(3)
    ]
    assert [score for score, _ in found] == sorted(score for score, _ in found)


def test_a_window_is_rendered_of_both(http, pair):
    for namespace in pair:
        made(http, f"{namespace}/chat")
        said(http, f"{namespace}/chat", f"from {namespace}")
    sources = [{"context": f"{namespace}/chat", "entries": "recent"} for namespace in pair]
    asked = {"sources": sources, "model": "gpt-4o", "format": "openai", "budget": 2000}
    first = http.post("/v1/render", json=asked).json()
    text = str(first["input"])
    assert all(f"from {namespace}" in text for namespace in pair)
    assert set(first["versions"]) == {f"{namespace}/chat" for namespace in pair}
    again = http.get(f"/v1/renders/{first['render_id']}").json()
    assert again["input"] == first["input"]


def test_retries_contents_history_and_kinds_work_in_either(http, pair):
    kind = f"k{pair[0].rpartition('.')[2]}"
    schema = {"type": "object", "required": ["n"]}
    assert http.put(f"/v1/kinds/{kind}", json={"schema": schema}).status_code in (200, 201)
    for namespace in pair:
        path = f"/v1/contexts/{namespace}/a"
        refused = http.put(path, json={"kind": kind, "state": {}})
        assert (refused.status_code, refused.json()["code"]) == (422, "schema_violation")
        key = {"idempotency-key": f"{namespace}-1"}
        first = http.put(path, json={"kind": kind, "state": {"n": 1}}, headers=key)
        second = http.put(path, json={"kind": kind, "state": {"n": 1}}, headers=key)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["version"] == second.json()["version"] == 1
        other = http.put(path, json={"kind": kind, "state": {"n": 2}}, headers=key)
        assert other.json()["code"] == "idempotency_key_reused"
        said(http, f"{namespace}/a", "one", "two")
        body = f"{namespace} ".encode() * 50_000
        sent = http.put(f"{path}/content", content=body, headers={"content-type": "text/plain"})
        assert sent.status_code in (200, 201, 204), sent.text
        assert http.get(f"{path}/content").content == body
        assert http.get(path, params={"at": 1}).json()["state"] == {"n": 1}
        assert len(http.get(f"{path}/versions").json()["items"]) == 3
        assert http.delete(f"{path}/entries/1").status_code in (200, 204)
        assert http.post(f"{path}/restore", json={"version": 1}).status_code == 200


def test_a_subject_is_erased_where_it_is_kept(http):
    for user in ("users.7", "users.8"):
        made(http, f"{user}/diary", {"text": "private"})
        receipt = http.delete(f"/v1/subjects/{user}")
        assert receipt.status_code == 200, receipt.text
        assert receipt.json()["contexts"] == 1
        assert http.get(f"/v1/contexts/{user}/diary").status_code == 404
        assert http.get(f"/v1/subjects/{user}/erasure").json()["holds"] is True


def test_health_and_metrics_tell_of_each_store_by_name(http, pair):
    made(http, f"{pair[1]}/a")
    checks = http.get("/healthz").json()["checks"]
    assert {"store", "store.medical", "integrity.medical", "disk.medical"} <= set(checks)
    assert checks["store.medical"]["status"] == "ok"
    counted = http.get("/metrics").text
    assert 'backstory_store_seconds_count{operation="commit.medical"}' in counted
    assert 'backstory_store_bytes{file="database.medical"}' in counted
    assert 'backstory_check_failing{check="store.medical"} 0.0' in counted


def test_usage_counts_both(http, pair):
    before = http.get("/v1/usage").json()["contexts"]
    for namespace in pair:
        made(http, f"{namespace}/counted")
    assert http.get("/v1/usage").json()["contexts"] == before + 2
