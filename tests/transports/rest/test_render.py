"""POST /v1/render and GET /v1/renders/{id}."""

import msgspec
import pytest

from backstory.transports.rest import schemas

CHAT = "/v1/contexts/users.42/chat"
ASK = {
    "sources": [
        {"context": "users.42/preferences"},
        {"context": "users.42/chat", "entries": "recent"},
    ],
    "model": "gpt-4o",
    "format": "openai",
    "budget": 2000,
    "reserve": 500,
}


@pytest.fixture
async def chat(put, append):
    await put("users.42/preferences", "preferences", {"tone": "short"})
    await put("users.42/chat", "conversation")
    await append("users.42/chat", "hello", "is there tea?")


async def test_a_window_is_what_the_contract_says(http, chat):
    answer = await http.post("/v1/render", json=ASK)
    assert answer.status_code == 200, answer.text
    window = answer.json()
    assert window.keys() == {
        "input",
        "tokens",
        "ledger",
        "versions",
        "render_id",
        "prefix_hash",
    }
    assert [m["content"] for m in window["input"]["messages"][1:]] == ["hello", "is there tea?"]
    assert window["tokens"]["total"] <= 1500
    assert window["tokens"]["exact"] is True
    assert window["versions"] == {"users.42/preferences": 1, "users.42/chat": 2}
    again = await http.get(f"/v1/renders/{window['render_id']}")
    assert again.content == answer.content


async def test_two_renders_are_compared_as_the_contract_says(http, chat, append):
    before = (await http.post("/v1/render", json=ASK)).json()
    await append("users.42/chat", "another thing")
    after = (await http.post("/v1/render", json=ASK | {"budget": 1900})).json()
    path = f"/v1/renders/{before['render_id']}/diff"
    answer = await http.get(path, params={"to": after["render_id"]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    msgspec.convert(found, schemas.WindowDifference)
    assert [each["parameter"] for each in found["parameters"]] == ["budget"]
    assert found["entries"] == [
        {"source": "users.42/chat", "only_in_from": [], "only_in_to": [[3, 3]]}
    ]
    assert found["first_difference"] == {"pointer": "/messages/3", "offset": None}
    assert found["tokens"]["to"] == after["tokens"]
    for params, status in (({}, 400), ({"to": "nonsense"}, 404), ({"to": "x" * 17_000}, 404)):
        assert (await http.get(path, params=params)).status_code == status
    await http.delete(f"{CHAT}/entries/2")
    gone = await http.get(path, params={"to": after["render_id"]})
    assert (gone.status_code, gone.json()["code"]) == (410, "render_gone")


async def test_what_was_erased_is_not_rendered_again(http, chat):
    window = (await http.post("/v1/render", json=ASK)).json()
    await http.delete(f"{CHAT}/entries/2")
    again = await http.get(f"/v1/renders/{window['render_id']}")
    assert (again.status_code, again.json()["code"]) == (410, "render_gone")
    assert "erased" in again.json()["detail"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"model": "who-7b"}, "unknown_model", "o200k_base"),
        ({"format": "poem"}, "schema_violation", "openai-responses"),
        ({"budget": 510}, "budget_too_small", "more than the 10"),
        ({"budget": 0}, "schema_violation", ">= 1"),
        ({"reserve": 2000}, "schema_violation", "less than budget"),
        ({"sources": []}, "schema_violation", "length"),
        ({"sources": [{"context": "users.42/chat", "entries": "clever"}]}, "schema_violation", "recent, "),
        ({"sources": [{"context": "users.42/chat", "min_share": 0.9, "max_share": 0.1}]}, "schema_violation", "max_share"),
        ({"sources": [{"context": "users.42/chat"}] * 2}, "schema_violation", "once"),
        ({"surprise": 1}, "schema_violation", "surprise"),
    ],
)  # fmt: skip
async def test_what_cannot_be_rendered_is_refused_with_a_reason(http, chat, change, code, words):
    if code == "budget_too_small":
        change = change | {"sources": [{"context": "users.42/preferences", "entries": "pinned"}]}
    answer = await http.post("/v1/render", json=ASK | change)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert words in answer.json()["detail"]


async def test_a_source_that_is_not_there_is_a_404(http, chat):
    wanted = ASK | {"sources": [{"context": "users.42/nothing"}]}
    assert (await http.post("/v1/render", json=wanted)).status_code == 404
    assert (await http.get("/v1/renders/nonsense")).status_code == 404
    bad = ASK | {"sources": [{"context": "Not a name"}]}
    answer = await http.post("/v1/render", json=bad)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_key")
