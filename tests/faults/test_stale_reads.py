"""Servers whose PostgreSQL is away go on with what they have read, and say so."""

import contextlib

import pytest

import mcp_serving
import postgres_server
import server_process
from serving import Server, until

pytestmark = pytest.mark.faults

CHAT = "/v1/contexts/users.42/chat"
UNREAD = "/v1/contexts/users.42/unread"
NO_CACHE = {"Cache-Control": "max-age=0, No-Cache"}


@pytest.fixture(scope="module")
def database():
    with postgres_server.running() as server:
        if server is None:
            pytest.skip(postgres_server.MISSING)
        yield server


def fill(client):
    for path in (CHAT, UNREAD):
        client.put(path, json={"kind": "conversation", "state": {"plan": "tea"}})
        entries = [{"role": "user", "content": text} for text in ("one", "two", "three")]
        assert client.post(path + "/entries", json={"entries": entries}).status_code == 200


@pytest.fixture(scope="module", params=["memory", "redis"])
def away(request, database, tmp_path_factory):
    """A server that has read a conversation, and whose database has stopped since."""
    folder = tmp_path_factory.mktemp("stale")
    name = f"stale_{request.param}"
    database.run("createdb", "-h", "127.0.0.1", "-p", str(database.port), "-U", "backstory", name)
    with contextlib.ExitStack() as stack:
        cache = "memory://"
        if request.param == "redis":
            redis = stack.enter_context(server_process.redis())
            if redis is None:
                pytest.skip(server_process.MISSING["redis"])
            cache = f"redis://127.0.0.1:{redis.port}"
        server = Server(folder, "--cache", cache, store=database.url(name))
        stack.callback(server.close)
        server.wait_until_ready()
        client = stack.enter_context(server.client())
        fill(client)
        server.fresh = client.get(CHAT + "?entries=2")
        assert "backstory-stale" not in server.fresh.headers
        database.stop("immediate")
        stack.callback(until, lambda: back(client), "the way back")
        stack.callback(database.start)
        server.http = client
        yield server


def back(client):
    """Once the database is there again, everything is as before."""
    answer = client.get(CHAT)
    if answer.status_code != 200 or "backstory-stale" in answer.headers:
        return False
    assert answer.headers["etag"] == '"2"'
    assert "stale" not in answer.json()
    return client.get(UNREAD).status_code == 200


def stale(answer):
    """Its body, once it is sure that the answer says of what age it is."""
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["backstory-stale"]) >= 0
    assert "etag" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.pop("stale") is True
    return body


def unavailable(answer):
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable"), answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert "backstory-stale" not in answer.headers


def test_what_was_read_is_answered_and_marked(away):
    assert stale(away.http.get(CHAT + "?entries=2")) == away.fresh.json()
    assert stale(away.http.get(CHAT))["state"] == {"plan": "tea"}
    items = stale(away.http.get(CHAT + "/entries?order=desc&limit=1"))["items"]
    assert [item["content"] for item in items] == ["three"]
    messages = stale(away.http.get(CHAT + "/entries?format=openai"))["input"]["messages"]
    assert [message["content"] for message in messages] == ["one", "two", "three"]
    head = away.http.head(CHAT)
    assert (head.status_code, int(head.headers["backstory-stale"]) >= 0) == (200, True)


def test_a_caller_who_has_it_already_is_told_so_and_of_what_age_that_is(away):
    answer = away.http.get(CHAT, headers={"if-none-match": away.fresh.headers["etag"]})
    assert (answer.status_code, answer.content) == (304, b"")
    assert int(answer.headers["backstory-stale"]) >= 0
    assert answer.headers["etag"] == away.fresh.headers["etag"]
    assert stale(away.http.get(CHAT, headers={"if-none-match": '"1"'}))["version"] == 2


def test_what_has_to_be_true_now_is_refused(away):
    unavailable(away.http.get(CHAT, headers=NO_CACHE))
    unavailable(away.http.get(CHAT, headers={"if-match": '"2"'}))
    unavailable(away.http.get(UNREAD))
    unavailable(away.http.get(CHAT + "?at=1"))
    unavailable(away.http.get(CHAT + "?since=1"))
    unavailable(away.http.get(CHAT + "/versions"))
    unavailable(away.http.get("/v1/contexts"))
    unavailable(away.http.post("/v1/search", json={"query": "tea"}))
    source = {"context": "users.42/chat"}
    unavailable(
        away.http.post("/v1/render", json={"model": "gpt-4o", "sources": [source], "budget": 1000})
    )


def test_writes_are_refused_at_once(away):
    unavailable(away.http.put(CHAT, json={"kind": "conversation"}))
    unavailable(
        away.http.patch(CHAT, json={}, headers={"content-type": "application/merge-patch+json"})
    )
    unavailable(
        away.http.post(CHAT + "/entries", json={"entries": [{"role": "user", "content": "x"}]})
    )
    unavailable(away.http.delete(CHAT))


def test_probes_tell_who_may_still_come(away):
    until(lambda: away.http.get("/readyz").status_code == 503, "the fall of /readyz")
    assert away.http.get("/healthz").status_code == 503
    answer = away.http.get("/readyz?allow=stale")
    assert (answer.status_code, answer.json()["status"]) == (200, "stale")
    assert away.http.get("/livez").status_code == 200


async def test_models_are_answered_too_and_clients_told(away):
    url = away.url + "/mcp"
    async with mcp_serving.client(url) as client:
        for part in ("state", "entries"):
            answer = await client.call_tool(
                "read_context", {"context": "users.42/chat", "part": part}
            )
            assert not answer.is_error, (part, answer.structured_content)
            assert answer.meta["stale"] is True
            assert answer.meta["stale_seconds"] >= 0
        found = await client.read_resource("context://users.42/chat")
        assert found.meta["stale"] is True
        for tool, more in (
            ("read_context", {"context": "users.42/unread"}),
            ("delete_context", {"context": "users.42/chat"}),
        ):
            answer = await client.call_tool(tool, more)
            assert answer.structured_content["code"] == "store_unavailable"
            assert "stale" not in (answer.meta or {})


async def test_a_client_that_wants_the_truth_gets_no_copy(away):
    call = {"name": "read_context", "arguments": {"context": "users.42/chat"}}
    request = mcp_serving.modern("tools/call", call, name="read_context", **NO_CACHE)
    async with away.async_client() as http:
        answer = await http.post("/mcp", **request)
    assert answer.json()["result"]["structuredContent"]["code"] == "store_unavailable"
