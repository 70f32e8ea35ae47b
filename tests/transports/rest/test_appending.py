"""Entries in other forms than JSON: an entry a line, YAML, and texts that are one."""

import threading

import pytest

from backstory import limits
from backstory.processing import bodies

CHAT = "/v1/contexts/users.42/chat"
ENTRIES = f"{CHAT}/entries"
CODES = {400: "malformed", 413: "too_large", 422: "schema_violation"}
LISTED = (
    "application/json, application/jsonl, application/x-ndjson, application/yaml, "
    "text/plain, text/markdown, text/html, text/csv, "
    "application/vnd.backstory.openai+json, application/vnd.backstory.openai-responses+json, "
    "application/vnd.backstory.anthropic+json, application/vnd.backstory.gemini+json"
)


@pytest.fixture(autouse=True)
async def chat(put):
    return await put("users.42/chat", "conversation")


@pytest.fixture
def send(http):
    async def send(body, media, query="", **headers):
        content = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"content-type": media, **named}
        return await http.post(ENTRIES + query, content=content, headers=headers)

    return send


async def stored(http):
    items = (await http.get(ENTRIES)).json()["items"]
    return [(item["role"], item["content"]) for item in items]


async def refused(http, answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await http.get(CHAT)).headers["etag"] == '"1"'
    return answer.json()


@pytest.mark.parametrize("media", ["application/jsonl", "application/x-ndjson"])
async def test_json_lines_are_an_entry_a_line(http, send, media):
    answer = await send(
        '{"role":"user","content":"a","id":"1"}\n\n{"role":"user","content":"b"}', media
    )
    assert answer.json() == {
        "version": 2,
        "first_seq": 1,
        "last_seq": 2,
        "seqs": [1, 2],
        "created": 2,
    }
    assert await stored(http) == [("user", "a"), ("user", "b")]


@pytest.mark.parametrize(
    ("line", "status", "pointer"),
    [
        ("{no", 400, None),
        ('{"role":"user","role":"user","content":"x"}', 400, None),
        ('{"role":"user"}', 422, "/content"),
        ("7", 422, ""),
        ('{"role":"user","content":"%s"}' % ("x" * limits.ENTRY_BYTES), 413, ""),
    ],
)
async def test_a_wrong_line_is_named_and_nothing_is_stored(http, send, line, status, pointer):
    answer = await send(f'{{"role":"user","content":"a"}}\n\n{line}\n', "application/jsonl")
    problem = await refused(http, answer, status, CODES[status])
    assert problem["line"] == 3
    assert "line 3" in problem["detail"]
    assert [each["pointer"] for each in problem.get("errors", [])] == (
        [] if pointer is None else [pointer]
    )


async def test_yaml_has_the_members_of_json(http, send):
    body = "if_version: 1\nentries:\n- role: user\n  content: no\n  metadata: {n: 1}\n"
    answer = await send(body, "application/yaml")
    assert answer.json()["seqs"] == [1]
    assert await stored(http) == [("user", "no")]
    answer = await send(body, "application/yaml")
    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    wrong = await send("entries: [{role: user, content: 7}]", "application/yaml")
    assert wrong.json()["errors"][0]["pointer"] == "/entries/0/content"


@pytest.mark.parametrize(
    "case",
    [
        ("text/plain", "a\r\n b", "a\r\n b", {}),
        (
            "text/markdown",
            "# Plan\n\n* [one](https://example.com)\n",
            "# Plan\n\n* [one](https://example.com)\n",
            {"title": "Plan"},
        ),
        (
            "text/html",
            "<title>T</title><p>a &amp;lt; b<script>no()</script><p>c",
            "a &lt; b\nc",
            {"title": "T"},
        ),
        (
            "text/csv",
            "a;b\n1;=2+2\n",
            "a;b\n1;=2+2\n",
            {"delimiter": ";"},
        ),
    ],
)
async def test_a_text_is_one_entry(http, send, case):
    media, body, content, more = case
    assert (await send(body, media)).status_code == 200
    answer = await send(body, f"{media}; charset=utf-8", "?role=assistant")
    assert answer.json()["seqs"] == [2]
    assert await stored(http) == [("user", content), ("assistant", content)]
    metadata = (await http.get(ENTRIES)).json()["items"][0]["metadata"]
    assert metadata == {"media_type": media, **more}


async def test_the_charset_that_is_said_is_obeyed(http, send):
    await send("fünf".encode("latin-1"), "text/plain; charset=ISO-8859-1")
    await send("fünf".encode("utf-16"), "text/csv")
    yaml_body = "entries: [{role: user, content: fünf}]".encode("cp1252")
    await send(yaml_body, "application/yaml; charset=windows-1252")
    assert [content for _, content in await stored(http)] == ["fünf"] * 3


@pytest.mark.parametrize(
    "media",
    LISTED.split(", "),
)
async def test_bytes_of_another_charset_are_refused(http, send, media):
    problem = await refused(http, await send(b"f\xfcnf", media), 400, "malformed")
    assert "offset 1" in problem["detail"]


@pytest.mark.parametrize(
    "media",
    ["application/pdf", "application/json; charset=latin-1", "text/plain; charset=klingon"],
)
async def test_what_is_not_read_is_told_with_what_is(http, send, media):
    answer = await send("x", media)
    problem = await refused(http, answer, 415, "unsupported_media_type")
    if "klingon" in media:
        assert "utf-8" in problem["supported"]
    else:
        assert answer.headers["accept-post"] == LISTED
        assert "text/csv" in problem["detail"]
    options = await http.options(ENTRIES)
    assert options.headers["accept-post"] == LISTED


@pytest.mark.parametrize(
    ("media", "query", "says"),
    [
        ("application/json", "?role=user", "role is for bodies"),
        ("application/jsonl", "?role=user", "role is for bodies"),
        ("text/plain", "?format=openai", "format is for bodies"),
        ("text/plain", "?role=No", "role must be a word"),
        ("application/json", "?format=cohere", "format must be openai or"),
    ],
)
async def test_a_parameter_that_means_nothing_for_the_body_is_refused(
    http, send, media, query, says
):
    assert says in (await refused(http, await send("x", media, query), 400, "malformed"))["detail"]


@pytest.mark.parametrize("media", ["text/plain", "text/markdown", "text/html", "text/csv"])
@pytest.mark.parametrize("body", ["", " \n"])
async def test_no_text_is_no_entry(http, send, media, body):
    await refused(http, await send(body, media), 422, "schema_violation")


def bomb(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("application/yaml", bomb(9), 413),
        ("application/yaml", "&a [*a]", 400),
        ("application/yaml", "entries: !!python/object:os.system x", 400),
        ("application/yaml", "- " * 5000, 413),
        ("application/yaml", "x" * (limits.YAML_BYTES + 1), 413),
        ("text/csv", "a,b\n1\n", 400),
        ("text/csv", 'a,b\n1,"2\n', 400),
        ("text/csv", "a\n" * (limits.CSV_CELLS + 1), 413),
        ("text/html", "<div>" * (limits.HTML_DEPTH + 1), 413),
        ("text/plain", "a\0b", 400),
        ("text/plain", "x" * (limits.ENTRY_BYTES + 1), 413),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
async def test_what_would_cost_more_than_it_weighs_is_refused(http, send, media, body, status):
    await refused(http, await send(body, media), status, CODES[status])


async def test_ragged_rows_are_named(http, send):
    problem = await refused(http, await send("a,b\n1,2\n3\n4,5,6\n", "text/csv"), 400, "malformed")
    assert problem["lines"] == [3, 4]


@pytest.mark.parametrize("media", ["application/json", "application/yaml", "application/jsonl"])
async def test_a_million_small_keys_are_refused(http, send, media):
    keys = ",".join(f'"{i:x}":0' for i in range(limits.JSON_NODES // 2 + 1))
    body = f'{{"role":"user","content":"x","metadata":{{{keys}}}}}'
    answer = await send(body if "jsonl" in media else f'{{"entries":[{body}]}}', media)
    assert (answer.status_code, answer.json()["code"]) in {(413, "too_large"), (400, "malformed")}
    assert (await http.get(CHAT)).headers["etag"] == '"1"'


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><p>&a;</p>',
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><p>&b;</p>',
        "<p>&#0;&#x110000;&amp;lt;script&amp;gt;</p>",
    ],
)
async def test_entities_of_a_document_mean_nothing(http, send, body):
    assert (await send(f"{body}<p>end", "text/html")).status_code == 200
    ((_, content),) = await stored(http)
    assert content.endswith("end")
    assert [word for word in ("root:", "haha", "<script") if word in content] == []


async def test_conditions_and_keys_hold_for_every_form(http, send):
    media = {"media": "text/plain", "if_match": '"1"', "idempotency_key": "k"}
    first = await send("x", **media)
    again = await send("x", **media)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    for changed in ({"body": "y"}, {"media": "text/markdown"}):
        other = await send(**{"body": "x"} | media | changed)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    late = await send("x", "text/plain", if_match='"1"')
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert len(await stored(http)) == 1


async def test_an_unknown_context_is_not_found_in_any_form(http):
    path = "/v1/contexts/users.42/none/entries"
    for media in ("text/plain", "text/html", "text/csv"):
        answer = await http.post(path, content=b"x", headers={"content-type": media})
        assert answer.status_code == 404


async def test_forms_are_read_off_the_event_loop(send, monkeypatch):
    where = []

    def noted(module, name):
        real = getattr(module, name)

        def call(*arguments):
            where.append(threading.current_thread())
            return real(*arguments)

        monkeypatch.setattr(module, name, call)

    noted(bodies, "parse")
    await send("entries: [{role: user, content: x}]", "application/yaml")
    await send("x", "text/html")
    await send('{"role":"user","content":"a"}', "application/jsonl")
    assert len(where) == 3
    assert threading.main_thread() not in where


async def test_a_context_may_be_put_as_yaml(http):
    headers = {"content-type": "application/yaml"}
    path = "/v1/contexts/users.42/likes"
    body = b"kind: preferences\nstate:\n  tone: brief\n  since: 2024-01-01\nlabels: [beta]\n"
    answer = await http.put(path, content=body, headers=headers)
    assert answer.status_code == 201
    assert (await http.get(path)).json()["state"] == {"tone": "brief", "since": "2024-01-01"}
    wrong = await http.put(path, content=b"kind: [preferences]", headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "schema_violation")
    broken = await http.put(path, content=b"kind: 'x", headers=headers)
    assert (broken.status_code, broken.json()["line"]) == (400, 1)
