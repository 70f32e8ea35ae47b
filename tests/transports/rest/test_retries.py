"""Whatever is sent again with its idempotency key is answered as it was, and done once."""

import pytest

from backstory import limits

PATH = "/v1/contexts/users.42/notes"
MERGE = {"content-type": "application/merge-patch+json"}
ENTRY = {"role": "user", "content": "x"}

WRITES = {
    "put": ("PUT", PATH, {"kind": "session", "state": {"b": 1}}),
    "patch": ("PATCH", PATH, {"b": 1}),
    "append": ("POST", f"{PATH}/entries", {"entries": [ENTRY, ENTRY]}),
    "redact": ("DELETE", f"{PATH}/entries/1", None),
    "restore": ("POST", f"{PATH}/restore", {"version": 1}),
    "fork": ("POST", f"{PATH}/fork", {"to": "users.42/copy"}),
    "delete": ("DELETE", PATH, None),
    "purge": ("DELETE", f"{PATH}?purge=true", None),
    "commit": (
        "POST",
        "/v1/commits",
        {"operations": [{"op": "append", "context": "users.42/notes", "entries": [ENTRY]}]},
    ),
}


async def send(http, name, key='"key-1"', **headers):
    method, path, body = WRITES[name]
    extra = MERGE if method == "PATCH" else {}
    return await http.request(
        method, path, json=body, headers=extra | headers | {"idempotency-key": key}
    )


@pytest.mark.parametrize("name", WRITES)
async def test_a_retry_is_answered_like_the_first(http, put, append, name):
    await put()
    await append("users.42/notes", "one")
    first = await send(http, name)
    assert first.is_success, first.text
    assert "idempotency-replayed" not in first.headers
    again = await send(http, name, "key-1")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.status_code == first.status_code
    assert again.content == first.content
    assert again.headers.get("etag") == first.headers.get("etag")
    assert again.headers.get("location") == first.headers.get("location")
    versions = (await http.get("/v1/changes")).json()["items"]
    assert len(versions) <= 3


async def test_a_created_context_is_created_again_in_every_retry(http):
    first = await send(http, "put")
    await http.put(PATH, json={"kind": "session", "state": {"later": True}})
    again = await send(http, "put")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["etag"] == '"1"'


async def test_conditions_are_not_looked_at_again(http):
    first = await send(http, "put", **{"if-none-match": "*"})
    again = await send(http, "put", **{"if-none-match": "*"})
    assert (first.status_code, again.status_code) == (201, 201)


async def test_existence_and_schema_are_not_looked_at_again(http, put):
    await put()
    first = await send(http, "append")
    await http.delete(PATH)
    again = await send(http, "append")
    assert again.json() == first.json()


async def test_where_the_version_is_gone_its_number_is_left(http, put):
    await put()
    first = await send(http, "put")
    await http.delete(PATH, params={"purge": "true"})
    again = await send(http, "put")
    assert again.status_code == first.status_code
    assert again.json() == {"namespace": "users.42", "name": "notes", "version": 2}


async def test_one_that_changed_nothing_is_remembered_too(http, put):
    await put(state={"b": 1})
    first = await send(http, "put")
    await put(state={"c": 1})
    again = await send(http, "put")
    assert (first.json()["version"], again.json()["version"]) == (1, 1)
    assert (await http.get(PATH)).json()["state"] == {"c": 1}


async def test_only_successes_are_kept(http, put):
    assert (await send(http, "append")).status_code == 404
    await put()
    answer = await send(http, "append")
    assert (answer.status_code, answer.json()["created"]) == (200, 2)


async def test_the_same_key_for_something_else_is_refused(http, put):
    await put()
    await send(http, "put")
    for name in ("patch", "append", "delete", "restore", "commit"):
        answer = await send(http, name)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    other = {"kind": "session", "state": {"b": 2}}
    answer = await http.put(PATH, json=other, headers={"idempotency-key": "key-1"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        " ",
        "two words",
        "x" * (limits.IDEMPOTENCY_KEY_BYTES + 1),
        '"open',
        "\u00e9",
        '"a"b"',
    ],
)
async def test_a_key_that_is_none_is_malformed(http, key):
    answer = await http.put(
        PATH, json={"kind": "session"}, headers={"idempotency-key": key.encode("latin-1")}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert (await http.get(PATH)).status_code == 404


@pytest.mark.parametrize("key", ["x" * limits.IDEMPOTENCY_KEY_BYTES, '"two words"', r'"a\"b"'])
async def test_keys_up_to_the_bound_are_taken(http, key):
    headers = {"idempotency-key": key}
    assert (await http.put(PATH, json={"kind": "session"}, headers=headers)).status_code == 201


async def test_two_keys_at_once_are_malformed(http):
    headers = [("idempotency-key", "a"), ("idempotency-key", "b")]
    answer = await http.put(PATH, json={"kind": "session"}, headers=headers)
    assert answer.status_code == 400
