"""Bad input gets a clear error, and nothing is changed."""

import json

import pytest

from backstory import limits

PATH = "/v1/contexts/users.42/notes"
JSON = {"content-type": "application/json"}
DEEP = limits.JSON_DEPTH + 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"kind": "session"} trailing',
        b'{"kind": "session", "kind": "session"}',
        b'{"kind": "session", "state": {"a": NaN}}',
        b'{"kind": "session", "state": {"a": Infinity}}',
        b'{"kind": "session", "state": {"a": 18446744073709551616}}',
        b'{"kind": "session", "state": {"a": 1e999}}',
        b'{"kind": "session", "state": {"a": "\\ud800"}}',
        b'{"kind": "session", "state": {"a": "\xff"}}',
        b'\xef\xbb\xbf{"kind": "session"}',
        b'{"kind": "session", "state": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_what_is_not_strict_json_is_malformed(http, method, body):
    path = PATH if method == "PUT" else "/v1/commits"
    answer = await http.request(method, path, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await http.get(PATH)).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "session", "states": {}}, "/states"),
        ({"kind": 5}, "/kind"),
        ({"kind": "nope"}, "/kind"),
        ({"kind": "session", "state": []}, "/state"),
        ({"kind": "session", "state": None}, "/state"),
        ({"kind": "session", "state": "x"}, "/state"),
        ({"kind": "session", "labels": "x"}, "/labels"),
        ({"kind": "session", "labels": [1]}, "/labels/0"),
        ({"kind": "session", "labels": ["x" * 129]}, "/labels"),
        ({"kind": "session", "expires_at": "tomorrow"}, "/expires_at"),
        ({"kind": "session", "expires_at": "2030-01-01T00:00:00"}, "/expires_at"),
        ({"kind": "session", "expires_at": 5}, "/expires_at"),
        ([], ""),
        ("x", ""),
        (None, ""),
    ],
)
async def test_what_is_not_allowed_is_pointed_to(http, body, pointer):
    answer = await http.put(PATH, content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await http.get(PATH)).status_code == 404


async def test_unknown_kinds_are_told_with_the_known(http):
    answer = await http.put(PATH, json={"kind": "nope"})
    assert answer.json()["code"] == "unknown_kind"
    assert "conversation" in answer.json()["detail"]


async def test_sizes_have_bounds(http):
    state = {"text": "x" * limits.STATE_BYTES}
    answer = await http.put(PATH, json={"kind": "session", "state": state})
    assert (answer.status_code, answer.json()["limit"]) == (413, "STATE_BYTES")
    body = b'{"kind": "session", "state": {"a": "' + b"x" * limits.BODY_BYTES + b'"}}'
    answer = await http.put(PATH, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["limit"]) == (413, "BODY_BYTES")
    deep = {"a": 1}
    for _ in range(limits.STATE_DEPTH):
        deep = {"a": deep}
    answer = await http.put(PATH, json={"kind": "session", "state": deep})
    assert (answer.status_code, answer.json()["code"]) == (422, "schema_violation")
    assert (await http.get(PATH)).status_code == 404


async def test_a_long_body_is_checked_like_a_short_one(http, put):
    """It is read in a thread, and what is wrong with it must come back all the same."""
    await put()
    long = "x" * 100_000
    bad = {"entries": [{"role": "user", "content": long}, {"role": "USER", "content": ""}]}
    answer = await http.post(f"{PATH}/entries", json=bad)
    assert answer.json()["errors"][0]["pointer"] == "/entries/1/role"
    answer = await http.put(PATH, json={"kind": "nope", "state": {"a": long}})
    assert answer.json()["code"] == "unknown_kind"
    broken = b'{"kind": "session", "state": {"a": "' + long.encode()
    answer = await http.put(PATH, content=broken, headers=JSON)
    assert answer.json()["code"] == "malformed"
    good = await http.put(PATH, json={"kind": "session", "state": {"a": long}})
    assert good.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"],
)
@pytest.mark.parametrize("path", [PATH, "/v1/commits", "/v1/search"])
async def test_another_media_type_is_not_read(http, path, content_type):
    method = "PUT" if path == PATH else "POST"
    answer = await http.request(method, path, content=b"{}", headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    if method == "POST":
        assert answer.headers["accept-post"] == "application/json"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'application/JSON;charset="UTF-8"', None]
)
async def test_json_may_say_its_character_set_or_nothing(http, content_type):
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await http.put(PATH, content=b'{"kind": "session"}', headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/contexts?foo=1", "there are namespace"),
        (f"{PATH}?At=1", "there are entries"),
        ("/v1/usage?x=1", "takes none"),
        ("/v1/contexts?limit=0", "from 1 to 1000"),
        ("/v1/contexts?limit=1001", "from 1 to 1000"),
        ("/v1/contexts?limit=", "from 1 to 1000"),
        ("/v1/contexts?limit=1e2", "from 1 to 1000"),
        ("/v1/contexts?limit=%D9%A3", "from 1 to 1000"),
        ("/v1/contexts?limit=1&limit=2", "stands twice"),
        ("/v1/contexts?limit=99999999999999999999", "from 1 to 1000"),
        ("/v1/contexts?label=", "1 to 300 bytes"),
        ("/v1/contexts?updated_since=yesterday", "RFC 3339"),
        ("/v1/contexts?namespace=%ff", "UTF-8"),
        (f"{PATH}?at=0", "from 1"),
        (f"{PATH}?at=-1", "from 1"),
        (f"{PATH}?entries=1001", "from 0 to 1000"),
        (f"{PATH}?since=1&at=1", "cannot be combined"),
        (f"{PATH}?limit=5", "belong to since"),
        (f"{PATH}/entries?order=up", "asc or desc"),
        (f"{PATH}/diff?to=2", "is needed"),
        ("/v1/changes?wait=soon", "seconds"),
        ("/v1/changes?wait=-1", "seconds"),
        ("/v1/changes?wait=nan", "seconds"),
    ],
)
async def test_a_wrong_parameter_is_named(http, path, says):
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert says in answer.json()["detail"]


async def test_a_wrong_word_for_purge_removes_nothing(http, put):
    await put()
    assert (await http.delete(PATH, params={"purge": "yes"})).status_code == 400
    assert (await http.get(PATH)).status_code == 200


@pytest.mark.parametrize("namespace", ["Users", "users.*.x", "*.users", "users.42.**", ".*"])
async def test_a_bad_namespace_pattern_is_told_with_the_rule(http, namespace):
    answer = await http.get("/v1/contexts", params={"namespace": namespace})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_key")


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v1/contexts", "cursor"), ("/v1/changes", "after")],
)
@pytest.mark.parametrize("cursor", ["x", "AAAAAAAAAAAAAAAAAAAAAAAA", "a~b", "-" * 2000])
async def test_a_cursor_from_elsewhere_is_refused(http, path, name, cursor):
    answer = await http.get(path, params={name: cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_cursor_of_one_list_is_none_of_another(http, put):
    for name in "abc":
        await put(f"users.42/{name}")
    cursor = (await http.get("/v1/contexts", params={"limit": 1})).json()["next"]
    answer = await http.get("/v1/changes", params={"after": cursor})
    assert answer.json()["code"] == "invalid_cursor"
    stream = (await http.get("/v1/changes", params={"limit": 1})).json()["next"]
    answer = await http.get("/v1/contexts", params={"cursor": stream})
    assert answer.json()["code"] == "invalid_cursor"
