"""Kinds, who calls, and how the server fares."""

import asyncio

import pytest

from backstory import __version__, limits
from backstory.domain.kinds import BUILT_IN
from backstory.errors import BusyError, StoreUnavailableError
from backstory.resilience.checking import Checks, Dependency


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
async def test_built_in_kinds_accept_any_object(http, kind):
    answer = await http.get(f"/v1/kinds/{kind}")
    found = answer.json()
    assert (found["kind"], found["built_in"], found["schema"]) == (kind, True, {"type": "object"})


async def test_an_unknown_kind_is_not_found(http):
    answer = await http.get("/v1/kinds/nope")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_whoami_tells_what_the_caller_may_do(http):
    found = (await http.get("/v1/whoami")).json()
    assert (found["tenant"], found["subject"], found["roles"]) == ("default", "local", ["admin"])
    assert {"verb": "write", "namespace": "*", "reserved": True} in found["rights"]


async def test_a_server_that_fares_well_says_so(http):
    for path in ("/livez", "/readyz", "/readyz?allow=stale", "/healthz"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        assert answer.headers["cache-control"] == "no-store"
    found = (await http.get("/healthz")).json()
    known, around = ["store", "bus", "integrity"], ["clock", "backlog", "disk"]
    assert (found["version"], list(found["checks"])) == (__version__, known + around)
    assert found["checks"]["disk"]["facts"]["free_bytes"] > 0
    assert found["checks"]["backlog"]["facts"]["writes"] == 0
    assert found["checks"]["store"]["status"] == "ok"
    assert found["checks"]["store"]["milliseconds"] >= 0


@pytest.fixture
def broken(running):
    async def check():
        raise StoreUnavailableError("the disk is on fire")

    running.contexts.checks = Checks([Dependency("store", check, needed=True)])


async def test_without_the_store_no_requests_should_come(http, broken):
    assert (await http.get("/livez")).status_code == 200
    for path in ("/readyz", "/readyz?allow=stale"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["status"]) == (503, "failed")
    health = await http.get("/healthz")
    assert health.status_code == 503
    assert health.json()["checks"]["store"]["code"] == "store_unavailable"


async def test_a_store_that_does_not_answer_is_not_waited_for(http, running, monkeypatch):
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.01)
    hanging = Dependency("store", lambda: asyncio.sleep(60), needed=True)
    running.contexts.checks = Checks([hanging])
    assert (await http.get("/readyz")).status_code == 503


async def test_what_is_busy_or_not_needed_is_told_and_keeps_no_request_away(http, running):
    async def busy():
        raise BusyError("all connections are in use")

    async def gone():
        raise StoreUnavailableError("nobody there")

    running.contexts.checks = Checks(
        [Dependency("store", busy, needed=True), Dependency("cache", gone)]
    )
    assert (await http.get("/readyz")).status_code == 200
    health = await http.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    found = health.json()["checks"]
    assert (found["store"]["status"], found["cache"]["status"]) == ("busy", "failed")


async def test_one_look_serves_all_who_ask_meanwhile(http, running):
    looks = []

    async def check():
        looks.append(True)
        await asyncio.sleep(0)

    running.contexts.checks = Checks([Dependency("store", check, needed=True)], now=lambda: 0.0)
    answers = await asyncio.gather(*(http.get(path) for path in ("/readyz", "/healthz") * 8))
    assert {answer.status_code for answer in answers} == {200}
    assert len(looks) == 1


async def test_while_it_drains_no_requests_should_come(http, running):
    running.drain()
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert (await http.get("/livez")).status_code == 200


async def test_a_request_that_takes_too_long_is_given_up(http, running, put, monkeypatch):
    await put("a/b")
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.01)
    store = running.contexts.store
    monkeypatch.setattr(store, "snapshot", lambda *_: asyncio.sleep(60))
    monkeypatch.setattr(store, "commit", lambda *_: asyncio.sleep(60))
    read = await http.get("/v1/contexts/a/b")
    assert (read.status_code, read.json()["code"]) == (503, "busy")
    write = await http.put("/v1/contexts/a/b", json={"kind": "session"})
    assert (write.status_code, write.json()["code"]) == (503, "outcome_unknown")
    assert write.headers["retry-after"]


async def test_a_body_that_never_comes_is_a_timeout_of_the_request(running, monkeypatch):
    """And no write whose outcome is unknown: nothing was begun."""
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.01)
    sent = []
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/v1/contexts/a/b",
        "query_string": b"",
        "headers": headers,
    }

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    await running.app(scope, receive, send)
    assert sent[0]["status"] == 408
