"""Summaries over HTTP."""

import json

import pytest
from jsonschema.validators import Draft202012Validator

from backstory.config import load
from backstory.transports.rest.endpoints import ENDPOINTS
from backstory.transports.rest.openapi import document
from backstory.wiring import open_app
from model_serving import HANGS, Provider, answer, openai
from transports.conftest import client_of

CHAT = "users.42/chat"
PATH = f"/v1/contexts/{CHAT}"


@pytest.fixture
async def chat(put, append):
    await put(CHAT, "conversation")
    await append(CHAT, *(f"Number {n} is {n * 7919}." for n in range(30)))


def check(body):
    schemas = document(ENDPOINTS)["components"]
    schema = {"$ref": "#/components/schemas/Summarised", "components": schemas}
    Draft202012Validator(schema).validate(body)


async def test_a_summary_is_made_and_told(http, chat):
    done = await http.post(f"{PATH}/summaries", json={})
    assert (done.status_code, done.headers["etag"]) == (201, '"3"')
    assert done.json() == {
        "version": 3,
        "seq": 31,
        "covers": [1, 10],
        "summariser": "extractive",
        "fallback": None,
        "more": False,
    }
    check(done.json())
    (entry,) = (await http.get(f"{PATH}/entries?after=30")).json()["items"]
    assert (entry["type"], entry["role"], entry["trust"]) == ("summary", "assistant", "tool")
    assert entry["metadata"] == {"covers": [1, 10], "summariser": "extractive"}
    assert isinstance(entry["content"], str)


async def test_nothing_to_cover_is_no_error_and_no_version(http, chat):
    await http.post(f"{PATH}/summaries", json={})
    done = await http.post(f"{PATH}/summaries", json={"keep": None})
    assert (done.status_code, done.json()["seq"], done.json()["version"]) == (200, None, 3)
    check(done.json())


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"keep": -1}, 422, "/keep"),
        ({"keep": 1001}, 422, "/keep"),
        ({"keep": "5"}, 422, "/keep"),
        ({"tokens": 31}, 422, "/tokens"),
        ({"tokens": 5000}, 422, "/tokens"),
        ({"through": 0}, 422, "/through"),
        ({"through": 31}, 422, "/through"),
        ({"kep": 1}, 422, "/kep"),
        ([], 422, ""),
    ],
)
async def test_what_is_wrong_is_said(http, chat, body, status, pointer):
    answer = await http.post(f"{PATH}/summaries", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)
    assert (await http.get(PATH)).json()["version"] == 2


async def test_where_there_is_no_context_there_is_no_summary(http):
    assert (await http.post(f"{PATH}/summaries", json={})).status_code == 404


async def test_a_condition_of_the_header_is_heeded(http, chat):
    stale = await http.post(f"{PATH}/summaries", json={}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    held = await http.post(f"{PATH}/summaries", json={}, headers={"if-match": '"2"'})
    assert held.status_code == 201


async def test_a_retry_is_answered_like_the_first(http, chat, append):
    key = {"idempotency-key": "once"}
    first = await http.post(f"{PATH}/summaries", json={"keep": 5}, headers=key)
    await append(CHAT, "later")
    again = await http.post(f"{PATH}/summaries", json={"keep": 5}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await http.post(f"{PATH}/summaries", json={"keep": 6}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_wrong_range_is_refused_whatever_brings_it(http, chat):
    wrong = {"role": "user", "type": "summary", "content": "x", "metadata": {"covers": [1, 31]}}
    appended = await http.post(f"{PATH}/entries", json={"entries": [wrong]})
    operation = {"op": "append", "context": CHAT, "entries": [wrong]}
    committed = await http.post("/v1/commits", json={"operations": [operation]})
    lines = await http.post(
        f"{PATH}/entries",
        content=json.dumps(wrong),
        headers={"content-type": "application/jsonl"},
    )
    for answered in (appended, committed, lines):
        assert (answered.status_code, answered.json()["code"]) == (422, "schema_violation")
    right = wrong | {"metadata": {"covers": [1, 30]}}
    assert (await http.post(f"{PATH}/entries", json={"entries": [right]})).status_code == 200


async def test_redacting_an_entry_redacts_its_summaries(http, chat):
    await http.post(f"{PATH}/summaries", json={})
    await http.post(f"{PATH}/fork", json={"to": "users.42/copy"})
    await http.delete(f"{PATH}/entries/3")
    for path in (PATH, "/v1/contexts/users.42/copy"):
        items = (await http.get(f"{path}/entries")).json()["items"]
        gone = [each["seq"] for each in items if each["type"] == "redacted"]
        assert gone == [3, 31]
    found = (await http.post("/v1/search", json={"query": "15838"})).json()["items"]
    assert found == []


async def test_a_kind_may_refuse_summaries(http, append):
    schema = {"type": "object", "properties": {"type": {"const": "message"}}}
    await http.put("/v1/kinds/strict", json={"schema": {}, "entry_schema": schema})
    await http.put(PATH, json={"kind": "strict"})
    await append(CHAT, "one")
    refused = await http.post(f"{PATH}/summaries", json={"keep": 0})
    assert (refused.status_code, refused.json()["code"]) == (422, "schema_violation")
    assert f"the kind of {CHAT} allows no such entry" in refused.json()["detail"]
    assert (await http.get(PATH)).json()["version"] == 2


# -- with a model --------------------------------------------------------------------------


@pytest.fixture
def asking(tmp_path):
    """The application, with a summariser that asks a provider that says what a test wants."""

    def settings(url, **more):
        wanted = {"provider": "openai", "model": "m-1", "url": url, "seconds": 1, "tries": 1} | more
        flags = {"store": f"sqlite:///{tmp_path}/model.db", "summariser": json.dumps(wanted)}
        return load(flags, environ={"BACKSTORY_SUMMARISER_KEY": "sk-secret"})

    return settings


async def summarised(settings):
    async with open_app(settings) as running, client_of(running.app) as http:
        await http.put(PATH, json={"kind": "conversation"})
        entries = [{"role": "user", "content": "Ship order 4711 to Berlin."}]
        await http.post(f"{PATH}/entries", json={"entries": entries})
        done = await http.post(f"{PATH}/summaries", json={"keep": 0})
        items = (await http.get(f"{PATH}/entries")).json()["items"]
        return done.json(), items[-1]["content"]


async def test_a_model_is_asked_where_the_settings_name_one(asking):
    server = Provider(openai("Order 4711 goes to Berlin."))
    async with server.running() as url:
        done, text = await summarised(asking(url))
    assert (done["summariser"], done["fallback"]) == ("openai:m-1", None)
    assert text == "Order 4711 goes to Berlin."
    assert server.asked[0][1]["authorization"] == "Bearer sk-secret"


@pytest.mark.parametrize(
    ("said", "reason"), [(answer(500), "unavailable"), (HANGS, "timeout")], ids=["500", "hangs"]
)
async def test_a_model_that_fails_costs_its_words_only(asking, said, reason):
    async with Provider(said).running() as url:
        done, text = await summarised(asking(url))
    assert (done["summariser"], done["fallback"]) == ("extractive", reason)
    assert text == "user: Ship order 4711 to Berlin."
