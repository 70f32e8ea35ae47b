"""A provider's messages over REST: in as they go to the provider, out as they came."""

import pytest

from backstory import limits
from backstory.processing.formats import FORMATS
from backstory.transports.rest import entries as rest_entries

CHAT = "/v1/contexts/users.42/chat"
ENTRIES = f"{CHAT}/entries"

CALL = {"name": "weather", "arguments": '{"city":"Berlin"}'}
REQUESTS = {
    "openai": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "ann"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": CALL}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ]
    },
    "openai-responses": {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "function_call", "call_id": "c1", **CALL},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        ],
    },
    "anthropic": {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "sunny"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "weather", "response": {"w": "sunny"}}}],
            },
        ],
    },
}
CALLED = {"model": "m", "tools": [{"name": "weather"}], "max_tokens": 100}


@pytest.fixture(autouse=True)
async def chat(put):
    return await put("users.42/chat", "conversation")


@pytest.fixture
def send(http):
    async def send(form, body, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.post(f"{ENTRIES}?format={form}", json=body, headers=named)

    return send


@pytest.fixture
def page(http):
    async def page(form, query=""):
        answer = await http.get(f"{ENTRIES}?format={form}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return page


@pytest.mark.parametrize("form", REQUESTS)
async def test_what_is_sent_to_a_provider_is_kept_and_given_back(send, page, form):
    answer = await send(form, REQUESTS[form] | CALLED)
    assert answer.status_code == 200, answer.text
    assert answer.json()["ignored"] == ["max_tokens", "model", "tools"]
    assert await page(form) == {"input": REQUESTS[form], "losses": [], "next": None}


@pytest.mark.parametrize("form", REQUESTS)
@pytest.mark.parametrize("other", REQUESTS)
async def test_what_came_from_one_provider_goes_to_another(send, page, form, other):
    await send(form, REQUESTS[form])
    found = await page(other)
    assert "sunny" in str(found["input"])
    for loss in found["losses"]:
        assert set(loss) == {"seq", "pointer", "detail", "dropped"}
        assert loss["seq"] >= 1


async def test_losses_name_the_entry_and_the_place_in_it(send, page):
    await send("anthropic", REQUESTS["anthropic"])
    losses = (await page("openai", "&after=1"))["losses"]
    thought = next(loss for loss in losses if loss["pointer"] == "/content/0")
    assert (thought["seq"], thought["dropped"]) == (3, True)
    assert "reasoning" in thought["detail"]


@pytest.mark.parametrize(
    ("form", "body", "pointer"),
    [
        ("openai", {"model": "m"}, "/messages"),
        ("openai", [], ""),
        ("openai", {"messages": []}, "/messages"),
        ("openai", {"messages": [{"role": "judge", "content": "x"}]}, "/messages/0/role"),
        ("openai", {"messages": [{"role": "user", "content": 7}]}, "/messages/0/content"),
        ("openai-responses", {"input": [{"role": "user", "content": 1}]}, "/input/0/content"),
        (
            "anthropic",
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "/messages/0/content/0/text",
        ),
        (
            "gemini",
            {"contents": [{"parts": [{"text": "x"}]}], "system_instruction": {"parts": []}},
            "/system_instruction",
        ),
        ("gemini", {"contents": [{"role": "assistant", "parts": []}]}, "/contents/0/role"),
    ],
)
async def test_what_is_no_conversation_is_refused_with_its_place(http, send, form, body, pointer):
    answer = await send(form, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "schema_violation"), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await http.get(CHAT)).headers["etag"] == '"1"'


async def test_a_member_that_is_null_is_not_there(send, page):
    body = {"input": "Hi", "instructions": None}
    assert (await send("openai-responses", body)).json()["ignored"] == []
    assert (await page("openai"))["input"] == {"messages": [{"role": "user", "content": "Hi"}]}


async def test_a_retry_is_answered_like_the_first(send):
    body = {"messages": [{"role": "user", "content": "Hi"}]} | CALLED
    first = await send("openai", body, idempotency_key="k", if_match='"1"')
    again = await send("openai", body, idempotency_key="k", if_match='"1"')
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = await send("anthropic", body, idempotency_key="k")
    assert other.json()["code"] == "idempotency_key_reused"


async def test_parts_that_no_format_knows_are_kept_and_told_as_lost(http, page):
    parts = [{"type": "text", "text": "look"}, {"type": "hologram", "beam": 1}]
    sent = {"entries": [{"role": "user", "content": parts}]}
    assert (await http.post(ENTRIES, json=sent)).status_code == 200
    assert (await http.get(ENTRIES)).json()["items"][0]["content"] == parts
    for form in REQUESTS:
        found = await page(form)
        assert "look" in str(found["input"])
        assert [(loss["seq"], loss["pointer"]) for loss in found["losses"]][:1] == [
            (1, "/content/1")
        ]


async def test_parts_that_came_in_a_providers_form_are_kept_so_and_read_by_every_format(http, page):
    use = {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}}
    entries = [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
        },
        {"role": "assistant", "content": [use]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "a cat"}],
        },
    ]
    assert (await http.post(ENTRIES, json={"entries": entries})).status_code == 200
    kept = (await http.get(ENTRIES)).json()["items"]
    assert [each["content"] for each in kept] == [each["content"] for each in entries]
    for form in REQUESTS:
        found = await page(form)
        assert [loss for loss in found["losses"] if loss["dropped"]] == []
        for words in ("https://example.com/a.png", "look", "a cat"):
            assert words in str(found["input"])


async def test_a_text_part_needs_its_text(http):
    for part in ({"type": "text"}, {"type": "text", "text": 7}):
        sent = {"entries": [{"role": "user", "content": [part]}]}
        answer = await http.post(ENTRIES, json=sent)
        assert answer.json()["errors"][0]["pointer"] == "/entries/0/content/0/text"


async def test_a_redacted_entry_is_in_no_message(http, append, page):
    await append("users.42/chat", "secret", "open")
    await http.delete(f"{ENTRIES}/1")
    found = await page("openai")
    assert found["input"] == {"messages": [{"role": "user", "content": "open"}]}
    assert found["losses"][0]["seq"] == 1


async def test_pages_of_messages_go_on_as_pages_of_entries_do(append, page, http):
    await append("users.42/chat", *"abc")
    first = await page("anthropic", "&limit=2")
    assert [m["content"] for m in first["input"]["messages"]] == ["a", "b"]
    rest = await page("anthropic", f"&after={first['next']}")
    assert ([m["content"] for m in rest["input"]["messages"]], rest["next"]) == (["c"], None)
    newest = await page("anthropic", "&limit=2&order=desc")
    assert [m["content"] for m in newest["input"]["messages"]] == ["b", "c"]
    assert newest["next"] == 2
    tag = (await http.get(f"{ENTRIES}?format=gemini")).headers["etag"]
    again = await http.get(f"{ENTRIES}?format=gemini", headers={"if-none-match": tag})
    assert again.status_code == 304


async def test_a_long_page_is_written_off_the_event_loop(append, page, monkeypatch):
    aside = []
    real = rest_entries.asyncio.to_thread

    async def noted(call, *arguments):
        aside.append(call)
        return await real(call, *arguments)

    monkeypatch.setattr(rest_entries.asyncio, "to_thread", noted)
    await append("users.42/chat", "short")
    await page("openai")
    assert aside == []
    await append("users.42/chat", "x" * limits.INLINE_BYTES)
    await page("openai")
    assert len(aside) == 1


async def test_what_only_a_provider_reads_is_not_found_by_words(http, send):
    await send("anthropic", REQUESTS["anthropic"])
    await send("openai-responses", REQUESTS["openai-responses"])
    for word, hits in (("sunny", 2), ("sig", 0), ("gAAA", 0), ("ephemeral", 0)):
        answer = await http.post("/v1/search", json={"query": word})
        assert len(answer.json()["items"]) == hits, word


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_format_may_be_said_by_its_media_type(http, put, name):
    await put("users.42/chat", "conversation")
    await put("users.42/other", "conversation")
    form = FORMATS[name]
    headers = {"content-type": form.media_type}
    said = await http.post(ENTRIES, json=REQUESTS[name] | {"model": "x"}, headers=headers)
    assert (said.status_code, said.json()["ignored"]) == (200, ["model"])
    await http.post(f"/v1/contexts/users.42/other/entries?format={name}", json=REQUESTS[name])
    one, other = [
        (await http.get(f"/v1/contexts/users.42/{each}/entries?format={name}")).json()
        for each in ("chat", "other")
    ]
    assert one == other


async def test_a_media_type_of_a_format_leaves_nothing_else_to_say(http, put):
    await put("users.42/chat", "conversation")
    media = FORMATS["openai"].media_type
    body = REQUESTS["openai"]
    for query, why in (("format=openai", "format is for bodies of"), ("role=user", "role is for")):
        answer = await http.post(f"{ENTRIES}?{query}", json=body, headers={"content-type": media})
        assert (answer.status_code, why in answer.json()["detail"]) == (400, True)
    latin = {"content-type": f"{media}; charset=latin-1"}
    assert (await http.post(ENTRIES, json=body, headers=latin)).status_code == 415
