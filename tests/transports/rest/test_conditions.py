"""Conditional requests: accepted exactly when the condition held."""

import pytest

PATH = "/v1/contexts/users.42/notes"
MERGE = {"content-type": "application/merge-patch+json"}
NOT_THIS = [{"if-match": '"2"'}, {"if-match": '"1.elsewhere"'}, {"if-match": '"x"'}]
THIS = [{"if-match": '"1"'}, {"if-match": 'W/"1-gzip", "9"'}, {"if-match": "*"}]


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', '"1-br"', '"0", "1"', "*"])
async def test_a_read_of_a_known_version_is_answered_by_304(http, put, tag):
    await put()
    answer = await http.get(PATH, headers={"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == ('"1-br"' if "br" in tag else '"1"')
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization, Accept-Encoding"
    entries = await http.get(f"{PATH}/entries", headers={"if-none-match": tag})
    assert entries.status_code == 304


@pytest.mark.parametrize("tag", ['"2"', '"1.elsewhere"', '"x"', '"1-evil"'])
async def test_a_read_of_another_version_is_answered_in_full(http, put, tag):
    await put()
    assert (await http.get(PATH, headers={"if-none-match": tag})).status_code == 200


async def test_the_tag_of_the_epoch_itself_is_known_too(http, put):
    epoch = (await put())["epoch"]
    answer = await http.get(PATH, headers={"if-none-match": f'"1.{epoch}"'})
    assert answer.status_code == 304


async def test_a_read_may_ask_for_a_version_by_if_match(http, put):
    await put()
    assert (await http.get(PATH, headers={"if-match": '"1"'})).status_code == 200
    answer = await http.get(PATH, headers={"if-match": '"2"'})
    assert (answer.status_code, answer.json()["current_version"]) == (412, 1)


async def test_entries_of_the_past_are_never_confirmed_since_they_may_be_redacted(
    http, put, append
):
    await put()
    await append("users.42/notes", "secret")
    for path in (f"{PATH}/entries?at=2", f"{PATH}?at=2&entries=1"):
        assert "etag" not in (await http.get(path)).headers
        answer = await http.get(path, headers={"if-none-match": '"2"'})
        assert answer.status_code == 200
    await http.delete(f"{PATH}/entries/1")
    for path in (f"{PATH}/entries?at=2", f"{PATH}?at=2&entries=1"):
        assert "secret" not in (await http.get(path, headers={"if-none-match": '"2"'})).text


WRITES = {
    "put": ("PUT", PATH, {"kind": "session", "state": {"b": 1}}),
    "patch": ("PATCH", PATH, {"b": 1}),
    "delete": ("DELETE", PATH, None),
    "purge": ("DELETE", f"{PATH}?purge=true", None),
    "append": ("POST", f"{PATH}/entries", {"entries": [{"role": "user", "content": "x"}]}),
    "redact": ("DELETE", f"{PATH}/entries/1", None),
    "restore": ("POST", f"{PATH}/restore", {"version": 1}),
    "fork": ("POST", f"{PATH}/fork", {"to": "users.42/copy"}),
    "forget": ("POST", f"{PATH}/forget?before=1", None),
}


async def write(http, name, headers):
    method, path, body = WRITES[name]
    if method == "PATCH":
        headers = headers | MERGE
    return await http.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize("headers", [*NOT_THIS, {"if-none-match": "*"}, {"if-none-match": '"1"'}])
@pytest.mark.parametrize("name", WRITES)
async def test_a_write_whose_condition_fails_is_refused_with_the_version_that_stands(
    http, put, name, headers
):
    await put()
    answer = await write(http, name, headers)
    assert answer.status_code == 412
    assert answer.json()["code"] == "precondition_failed"
    assert answer.json()["current_version"] == 1
    read = await http.get(PATH)
    assert (read.headers["etag"], read.json()["state"]) == ('"1"', {})


@pytest.mark.parametrize("headers", THIS)
@pytest.mark.parametrize("name", WRITES)
async def test_a_write_whose_condition_holds_is_done(http, put, append, name, headers):
    await put()
    if name == "redact":  # there has to be an entry, and the version is another then
        await append("users.42/notes", "x")
        headers = {"if-match": headers["if-match"].replace('"1', '"2')}
    assert (await write(http, name, headers)).status_code in {200, 201, 204}


@pytest.mark.parametrize("header", ["if-match", "if-none-match"])
@pytest.mark.parametrize("name", ["put", "patch", "delete", "append"])
async def test_a_malformed_tag_is_400(http, put, name, header):
    await put()
    for text in ("7", '"7', "", "banana"):
        answer = await write(http, name, {header: text})
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    answer = await http.get(PATH, headers={header: "7"})
    assert answer.status_code == 400


async def test_create_only_and_replace_only(http):
    body = {"kind": "session"}
    assert (await http.put(PATH, json=body, headers={"if-match": "*"})).status_code == 412
    assert (await http.put(PATH, json=body, headers={"if-match": '"1"'})).status_code == 412
    assert (await http.put(PATH, json=body, headers={"if-none-match": "*"})).status_code == 201
    refused = await http.put(PATH, json=body, headers={"if-none-match": "*"})
    assert (refused.status_code, refused.json()["current_version"]) == (412, 1)
    await http.delete(PATH)
    assert (await http.put(PATH, json=body, headers={"if-match": '"2"'})).status_code == 412
    assert (await http.put(PATH, json=body, headers={"if-none-match": "*"})).status_code == 201


async def test_conditions_in_a_body_fail_with_409(http, put):
    await put()
    body = {"entries": [{"role": "user", "content": "x"}], "if_version": 7}
    answer = await http.post(f"{PATH}/entries", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    assert answer.json()["current_version"] == 1
    assert (await http.post(f"{PATH}/entries", json=body | {"if_version": 1})).status_code == 200
