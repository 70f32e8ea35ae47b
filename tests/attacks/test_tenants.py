"""One caller tries to learn of another, or to reach what is theirs: a stranger of the same tenant, and
one of another tenant who has the victim's very name."""

import json
import uuid

import pytest
from blake3 import blake3

from attacking import MERGE, without_trace

WORD = "swordfish"
TEXT = b"the secret of the pyramids " * 40
MANIFEST = {"content-type": "application/vnd.backstory.manifest+json"}


@pytest.fixture(scope="module")
def ada(attacked):
    """The victim, who has one of everything."""
    found = attacked.victim()
    found.secret = found.make("users.ada/secret", "conversation", {"word": WORD}, labels=["hidden"])
    found.say(found.secret, f"the word is {WORD}", f"and {WORD} again")
    path = f"/v1/contexts/{found.secret}/content"
    put = found.rest("PUT", path, content=TEXT, headers={"content-type": "text/plain"})
    assert put.status_code in (200, 201)
    return found


@pytest.fixture(params=["a stranger", "another tenant", "an admin of another tenant"])
def eve(attacked, request):
    match request.param:
        case "a stranger":
            return attacked.attacker("eve")
        case "another tenant":
            return attacked.attacker("ada", tenant="other")
        case _:
            return attacked.attacker("ada", ("admin",), tenant="other")


# -- names ---------------------------------------------------------------------------------

PROBES = [
    ("GET", "", {}, None),
    ("HEAD", "", {}, None),
    ("GET", "", {"if-none-match": '"1"'}, None),
    ("GET", "", {"if-none-match": "*"}, None),
    ("GET", "?entries=5", {}, None),
    ("GET", "?at=1", {}, None),
    ("GET", "?at=999", {}, None),
    ("GET", "?since=1", {}, None),
    ("PATCH", "", MERGE | {"if-match": "*"}, {"a": 1}),
    ("PATCH", "", MERGE | {"if-match": '"77"'}, {"a": 1}),
    ("PATCH", "", {"content-type": "application/json-patch+json"}, [{"op": "test", "path": "/word", "value": WORD}]),
    ("DELETE", "", {"if-match": '"77"'}, None),
    ("POST", "/entries", {}, {"entries": [{"role": "user", "content": "hi"}], "if_version": 77}),
    ("GET", "/entries?limit=1", {}, None),
    ("DELETE", "/entries/1", {}, None),
    ("GET", "/versions", {}, None),
    ("GET", "/diff?from=1&to=2", {}, None),
    ("POST", "/restore", {}, {"version": 1}),
    ("POST", "/fork", {}, {"to": "users.eve/stolen"}),
    ("POST", "/forget?before=2", {}, None),
    ("GET", "/content", {}, None),
    ("GET", "/content", {"range": "bytes=0-9"}, None),
    ("GET", "/content", {"if-match": '"77"'}, None),
    ("GET", "/content/manifest", {}, None),
    ("POST", "/content/missing", {}, {"hashes": [blake3(TEXT).hexdigest()]}),
    ("GET", f"/content/chunks/{blake3(TEXT).hexdigest()}", {}, None),
    ("PUT", f"/content/chunks/{blake3(b'x').hexdigest()}", {}, b"x"),
    ("POST", "/summaries", {}, {}),
]  # fmt: skip


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: " ".join(probe[:2]))
def test_a_name_that_is_there_and_one_that_is_not_look_the_same(ada, eve, probe):
    """To an admin of another tenant it is a name of their own, which is not there either."""
    method, tail, headers, body = probe
    seen = []
    for name in (ada.secret, "users.ada/nothing-here"):
        content = body if isinstance(body, bytes | None) else json.dumps(body)
        sent = {"content-type": "application/json"} | headers if body is not None else headers
        answer = eve.rest(method, f"/v1/contexts/{name}{tail}", content=content, headers=sent)
        assert WORD not in answer.text
        seen.append(json.dumps(without_trace(answer)).replace(name, "NAME"))
    assert seen[0] == seen[1]
    asked_of_own = tail.endswith("missing") and eve.subject == "ada"
    assert json.loads(seen[0])[0] == (200 if asked_of_own else 404)


TOOLS = [
    ("read_context", {}),
    ("read_context", {"part": "entries"}),
    ("read_context", {"part": "content"}),
    ("read_context", {"since": 1}),
    ("read_context", {"path": "/word"}),
    ("patch_context", {"merge": {"a": 1}}),
    ("append_entries", {"entries": [{"role": "user", "content": "x"}]}),
    ("delete_context", {}),
    ("fork_context", {"to": "users.eve/stolen"}),
    ("render_window", {"sources": [{"context": "users.ada/secret"}], "model": "gpt-5"}),
]


@pytest.mark.parametrize(("tool", "arguments"), TOOLS)
def test_over_mcp_neither(ada, eve, tool, arguments):
    seen = []
    for name in (ada.secret, "users.ada/nothing-here"):
        mine = {"context": name} if "sources" not in arguments else {}
        asked = json.loads(json.dumps(arguments).replace(ada.secret, name)) | mine
        wrong, found = eve.tool(tool, **asked)
        assert WORD not in json.dumps(found)
        seen.append((wrong, json.dumps(found).replace(name, "NAME")))
    assert seen[0] == seen[1]
    assert seen[0][0] is True


def test_resources_and_completions_tell_of_ones_own_only(ada, eve):
    for tail in ("", "/entries", "/content"):
        uri = f"context://{ada.secret}{tail}"
        answer = eve.mcp("resources/read", {"uri": uri}, uri)
        assert "error" in answer.json()
        assert WORD not in answer.text
    listed = eve.mcp("resources/list").json()["result"]["resources"]
    assert not [each for each in listed if "secret" in each["uri"]]
    for argument, given in (("namespace", {}), ("name", {"namespace": "users.ada"})):
        params = {
            "ref": {"type": "ref/resource", "uri": "context://{namespace}/{name}"},
            "argument": {"name": argument, "value": ""},
            "context": {"arguments": given},
        }
        found = eve.mcp("completion/complete", params).json()["result"]["completion"]["values"]
        assert "secret" not in found
        assert eve.subject == "ada" or "users.ada" not in found


# -- search, lists and changes -------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        WORD,
        f'"{WORD}"',
        f"{WORD[:5]}*",
        f"NOT {WORD}",
        f"nothing OR {WORD}",
        f"state:{WORD}",
        f"{{text}}: {WORD}",
        f"NEAR({WORD} again)",
        f"{WORD}') OR 1=1 --",
        f"{WORD}:*",
        f"{WORD} <-> again",
        f"!{WORD} & {WORD}",
        "% _ \\",
        "tenant:acme",
    ],
)
def test_search_finds_nothing_of_others_however_it_is_asked(ada, eve, query):
    for more in ({}, {"namespace": "users.ada"}, {"namespace": "users.*"}, {"namespace": "*"}):
        answer = eve.rest("POST", "/v1/search", json={"query": query} | more)
        assert answer.status_code in (200, 422, 400), answer.text
        assert not answer.json().get("items")
    wrong, found = eve.tool("search_contexts", query=query)
    assert wrong or not found["items"]


def test_lists_and_changes_show_nothing_of_others(ada, eve):
    for query in (
        "",
        "?namespace=users.ada",
        "?namespace=*",
        "?label=hidden",
        "?kind=conversation",
    ):
        listed = eve.rest("GET", f"/v1/contexts{query}")
        assert "secret" not in listed.text
    seen, after = [], None
    while True:
        query = "?limit=1000" + (f"&after={after}" if after else "")
        page = eve.rest("GET", f"/v1/changes{query}").json()
        seen += page["items"]
        if page["next"] == after:
            break
        after = page["next"]
    assert not [change for change in seen if change["name"] == "secret"]


# -- what was handed out to others ---------------------------------------------------------


def test_cursors_of_others_are_good_for_nothing(ada, eve):
    for number in range(3):
        ada.make(f"users.ada/c{number}")
    listing = ada.rest("GET", "/v1/contexts?limit=1").json()["next"]
    changes = ada.rest("GET", "/v1/changes?limit=1").json()["next"]
    search = ada.rest("POST", "/v1/search", json={"query": WORD, "limit": 1}).json()["next"]
    _, over_mcp = ada.tool("list_contexts", limit=1)
    assert listing
    assert changes
    assert eve.rest("GET", f"/v1/contexts?cursor={listing}").status_code == 400
    assert eve.rest("GET", f"/v1/changes?after={changes}").status_code == 400
    stream = {"accept": "text/event-stream", "last-event-id": changes}
    assert eve.rest("GET", "/v1/changes", headers=stream).status_code == 400
    assert eve.rest("GET", f"/v1/changes?cursor={listing}").status_code == 400
    if search:
        asked = {"query": WORD, "cursor": search}
        assert eve.rest("POST", "/v1/search", json=asked).status_code == 400
    wrong, found = eve.tool("list_contexts", cursor=over_mcp["next"]["cursor"])
    assert (wrong, found["code"]) == (True, "invalid_cursor")
    wrong, found = eve.tool("read_changes", after=changes)
    assert (wrong, found["code"]) == (True, "invalid_cursor")


def test_a_cursor_of_one_thing_is_none_of_another(ada):
    listing = ada.rest("GET", "/v1/contexts?limit=1").json()["next"]
    changes = ada.rest("GET", "/v1/changes?limit=1").json()["next"]
    assert ada.rest("GET", f"/v1/contexts?cursor={changes}").status_code == 400
    assert ada.rest("GET", f"/v1/changes?after={listing}").status_code == 400


@pytest.mark.parametrize("change", ["flip", "cut", "grow", "empty mac", "unicode", "spaces"])
def test_cursors_cannot_be_made_or_altered(ada, change):
    good = ada.rest("GET", "/v1/changes?limit=1").json()["next"]
    bad = {
        "flip": ("A" if good[5] != "A" else "B").join((good[:5], good[6:])),
        "cut": good[:-4],
        "grow": good + "AAAA",
        "empty mac": good[16:],
        "unicode": good[:-1] + "é",
        "spaces": good[:8] + " " + good[8:],
    }[change]
    assert ada.rest("GET", "/v1/changes", params={"after": bad}).status_code == 400


def test_render_ids_of_others_are_good_for_nothing(ada, eve):
    asked = {"sources": [{"context": ada.secret}], "model": "gpt-5", "budget": 2000}
    made = ada.rest("POST", "/v1/render", json=asked).json()["render_id"]
    assert ada.rest("GET", f"/v1/renders/{made}").status_code == 200
    for path in (f"/v1/renders/{made}", f"/v1/renders/{made}/diff?to={made}"):
        stolen = eve.rest("GET", path)
        assert stolen.status_code in (400, 404), stolen.text
        assert WORD not in stolen.text
    unknown = eve.rest("GET", f"/v1/renders/{made[:-4]}AAAA")
    assert without_trace(unknown)[0] == stolen.status_code


def test_an_idempotency_key_of_somebody_else_is_free(ada, eve):
    key = {"idempotency-key": uuid.uuid4().hex}
    say = {"entries": [{"role": "user", "content": "mine"}]}
    first = ada.rest("POST", f"/v1/contexts/{ada.secret}/entries", json=say, headers=key)
    assert first.status_code == 200
    stolen = eve.rest("POST", f"/v1/contexts/{ada.secret}/entries", json=say, headers=key)
    assert stolen.status_code == 404
    own = eve.make(f"users.{eve.subject}/mine-{uuid.uuid4().hex[:6]}", "conversation")
    other = eve.rest("POST", f"/v1/contexts/{own}/entries", json=say, headers=key)
    assert other.status_code == 200  # not 422: nobody else's use of the key can be seen
    assert other.json()["first_seq"] == 1


def test_chunks_of_others_cannot_be_named(ada, eve):
    """Whoever knows the hash of something must not get it by that, nor learn that it is there."""
    listed = ada.rest("GET", f"/v1/contexts/{ada.secret}/content/manifest").json()["items"]
    invented = blake3(uuid.uuid4().bytes).hexdigest()
    own = eve.make(f"users.{eve.subject}/doc", "document")
    path = f"/v1/contexts/{own}/content"
    hashes = [listed[0]["hash"], invented]
    missing = eve.rest("POST", f"{path}/missing", json={"hashes": hashes}).json()["missing"]
    assert missing == hashes
    for each in listed:
        assert eve.rest("GET", f"{path}/chunks/{each['hash']}").status_code == 404
    stolen = eve.rest(
        "PUT", path, json={"chunks": listed, "media_type": "text/plain"}, headers=MANIFEST
    )
    assert (stolen.status_code, stolen.json()["code"]) == (409, "chunks_missing")
    made_up = [{"hash": invented, "size": listed[0]["size"]}]
    unknown = eve.rest(
        "PUT", path, json={"chunks": made_up, "media_type": "text/plain"}, headers=MANIFEST
    )
    assert unknown.status_code == 409
    assert eve.rest("GET", path).status_code == 404


def test_a_chunk_that_was_uploaded_by_others_is_not_there_for_me(ada, eve):
    data = uuid.uuid4().bytes * 8
    name = blake3(data).hexdigest()
    kept = ada.rest("PUT", f"/v1/contexts/{ada.secret}/content/chunks/{name}", content=data)
    assert kept.status_code == 204
    own = eve.make(f"users.{eve.subject}/doc", "document")
    path = f"/v1/contexts/{own}/content"
    assert eve.rest("POST", f"{path}/missing", json={"hashes": [name]}).json()["missing"] == [name]
    stolen = eve.rest(
        "PUT", path, json={"chunks": [{"hash": name, "size": len(data)}]}, headers=MANIFEST
    )
    assert stolen.status_code == 409


def test_a_tag_of_somebody_elses_version_matches_nothing_of_mine(ada, eve):
    etag = ada.rest("GET", f"/v1/contexts/{ada.secret}").headers["etag"]
    answer = eve.rest("GET", f"/v1/contexts/{ada.secret}", headers={"if-none-match": etag})
    assert answer.status_code == 404


def test_all_or_nothing_reaches_nobody_else(ada, eve):
    own = f"users.{eve.subject}/own-{uuid.uuid4().hex[:6]}"
    for op in (
        {"op": "patch", "merge": {"word": "gone"}},
        {"op": "append", "entries": [{"role": "user", "content": "x"}]},
        {"op": "delete"},
        {"op": "patch", "merge": {}, "if_version": 77},
        {"op": "patch", "ops": [{"op": "test", "path": "/word", "value": WORD}]},
    ):
        mine = {"op": "put", "context": own, "kind": "session", "state": {}}
        asked = {"operations": [mine, op | {"context": ada.secret}]}
        assert eve.rest("POST", "/v1/commits", json=asked).status_code == 404
        assert eve.rest("GET", f"/v1/contexts/{own}").status_code == 404
    assert ada.rest("GET", f"/v1/contexts/{ada.secret}").json()["state"] == {"word": WORD}


def test_kinds_and_prompts_are_of_one_tenant(attacked, ada):
    kind, schema = f"k{uuid.uuid4().hex[:8]}", {"schema": {"type": "object", "title": WORD}}
    assert attacked.admin().rest("PUT", f"/v1/kinds/{kind}", json=schema).status_code == 201
    other = attacked.attacker("ada", ("admin",), tenant="other")
    assert other.rest("GET", f"/v1/kinds/{kind}").status_code == 404
    assert kind not in other.rest("GET", "/v1/kinds").text
    assert other.rest("GET", f"/v1/contexts?kind={kind}").json().get("items", []) == []
    ada.make("users.ada/greeting", "prompt", {"messages": [{"role": "user", "content": WORD}]})
    for thief in (other, attacked.attacker()):
        assert "greeting" not in thief.mcp("prompts/list").text
        got = thief.mcp("prompts/get", {"name": "users.ada/greeting"}, "users.ada/greeting")
        assert "error" in got.json()
        assert WORD not in got.text
