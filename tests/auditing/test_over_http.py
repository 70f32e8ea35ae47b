"""What a real server puts into its trail, and what its commands say of it."""

import json

import apsw
import pytest
from click.testing import CliRunner

from backstory.cli import main as cli
from mcp_serving import modern
from serving import serving, until
from token_issuer import Issuer, bearer

ISSUER = Issuer()
ADMIN = {"roles": ("admin",)}


def environment(folder, **more):
    return ISSUER.environment(ISSUER.write(folder / "keys.json"), **more)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Two workers that tell of everything, and ask nobody to wait but for one address."""
    folder = tmp_path_factory.mktemp("audited")
    env = environment(folder, BACKSTORY_OPERATORS="acme/root", BACKSTORY_RATE_BURST="100000")
    with serving(folder, "--audit", "all", "--workers", "2", env=env) as running:
        yield running


@pytest.fixture(scope="module")
def http(server):
    with server.client() as client:
        yield client


ROOT = bearer(ISSUER.lasting("root", ("admin",)))
ADA = bearer(ISSUER.lasting("ada"))
MINE = "/v1/contexts/users.ada/notes"


def events(http, **query):
    answer = http.get("/v1/audit", params={"limit": 1000} | query, headers=ROOT)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def found(http, holds, **query):
    """The first event for which something holds, once it is there."""
    wanted = []

    def there():
        wanted[:] = [event for event in events(http, **query) if holds(event)]
        return wanted

    until(there, "the event")
    return wanted[0]


def on(event):
    return [each["name"] for each in event["on"]]


def test_a_write_and_a_read_are_told_with_who_and_what(http):
    body = {"kind": "preferences", "state": {"a": 1}}
    assert http.put(MINE, json=body, headers=ADA).status_code == 201
    assert http.get(MINE, headers=ADA).status_code == 200
    write = found(http, lambda e: e["do"] == "write" and on(e) == ["users.ada/notes"])
    assert (write["op"], write["by"]["name"], write["out"]) == ("created", "ada", "ok")
    read = found(http, lambda e: e.get("verb") == "read" and on(e) == ["users.ada/notes"])
    assert (read["do"], read["by"]["name"], read["client"]["name"]) == (
        "GET /v1/contexts/{namespace}/{name}",
        "ada",
        "cli",
    )


@pytest.mark.parametrize(
    ("scope", "path", "code"),
    [
        (None, "/v1/contexts/users.bob/diary", "not_found"),
        ("context:write", MINE, "insufficient_scope"),
    ],
)
def test_a_refusal_is_told_with_its_code(http, scope, path, code):
    token = bearer(ISSUER.token("eve" if scope is None else "ada", scope=scope))
    assert http.get(path, headers=token).status_code in (403, 404)
    event = found(http, lambda e: e["out"] == code and e["verb"] == "read")
    assert on(event) == [path.removeprefix("/v1/contexts/")]
    assert event["from"]["name"] == "127.0.0.1"


def test_a_refused_write_is_told(http):
    reader = bearer(ISSUER.token("rita", ("reader",)))
    assert http.put(MINE, json={"kind": "session"}, headers=reader).status_code == 403
    event = found(http, lambda e: e["out"] == "forbidden" and e["by"]["name"] == "rita")
    assert (event["verb"], on(event)) == ("write", ["users.ada/notes"])


def test_tools_are_told_like_calls(http):
    for context, code in (("users.ada/notes", "ok"), ("users.bob/notes", "not_found")):
        arguments = {"name": "read_context", "arguments": {"context": context}}
        request = modern("tools/call", arguments, "read_context")
        request["headers"] |= ADA
        assert http.post("/mcp", **request).status_code == 200
        event = found(
            http, lambda e, c=context: e["do"] == "tools/call read_context" and on(e) == [c]
        )
        assert (event["out"], event["verb"], event["by"]["name"]) == (code, "read", "ada")


def test_whoever_is_not_known_stands_in_a_trail_of_nobody(http):
    assert http.get("/v1/whoami", headers=bearer("x.y.z")).status_code == 401
    event = found(http, lambda e: e["out"] == "unauthenticated", of="nobody")
    assert ("by" in event, event["from"]["name"]) == (False, "127.0.0.1")
    other = bearer(ISSUER.token("boss", ("admin",)))
    assert http.get("/v1/audit?of=nobody", headers=other).status_code == 403


@pytest.mark.parametrize(("roles", "status"), [(("member",), 404), (("reader",), 403)])
def test_who_is_no_admin_reads_no_trail_and_that_is_told(http, roles, status):
    caller = bearer(ISSUER.token(f"m{status}", roles))
    assert http.get("/v1/audit", headers=caller).status_code == status
    event = found(http, lambda e: e["by"]["name"] == f"m{status}")
    assert (event["verb"], event["do"]) == ("admin", "GET /v1/audit")


def test_a_purge_takes_the_name_out_of_all_events(http):
    path = "/v1/contexts/users.ada/secret"
    http.put(path, json={"kind": "session"}, headers=ADA)
    http.get(path, headers=ADA)
    found(http, lambda e: e.get("verb") == "read" and on(e) == ["users.ada/secret"])
    assert http.delete(f"{path}?purge=true", headers=ROOT).status_code in (200, 204)
    event = found(http, lambda e: e.get("op") == "purged")
    hash_ = event["on"][0]["hash"]
    same = [e for e in events(http) if e["on"] and e["on"][0]["hash"] == hash_]
    assert len(same) >= 3
    assert {e["on"][0]["name"] for e in same} == {None}


def test_what_admins_do_is_told_though_they_may(http):
    event = found(http, lambda e: e["do"] == "GET /v1/audit" and e["out"] == "ok")
    assert (event["verb"], event["by"]["name"]) == ("admin", "root")


def test_an_erased_subject_has_no_name_any_more_in_any_event(http):
    eve = bearer(ISSUER.token("mia"))
    http.put("/v1/contexts/users.mia/x", json={"kind": "session"}, headers=eve)
    http.get("/v1/contexts/users.bob/x", headers=eve)
    found(http, lambda e: e["out"] == "not_found" and e["by"]["name"] == "mia")
    assert http.delete("/v1/subjects/users.mia", headers=ROOT).status_code == 200
    event = found(http, lambda e: e["do"] == "erase")
    assert (event["by"]["name"], on(event), event["erasure"]) == ("root", [None], 1)
    told = [each for each in events(http) if "verb" in each]
    assert "mia" not in [each["by"]["name"] for each in told]
    assert "users.mia/x" not in [name for each in told for name in on(each)]


def test_filters_and_bad_ones(http):
    assert {e["by"]["name"] for e in events(http, subject="ada")} == {"ada"}
    assert events(http, context="users.nobody/x") == []
    for query in ({"context": "x"}, {"since": "now"}, {"of": "all"}, {"cursor": "x"}, {"a": "b"}):
        assert http.get("/v1/audit", params=query, headers=ROOT).status_code in (400, 422)


def backstory(*arguments):
    """The command, in this process: each of its own would take seconds to start."""
    return CliRunner().invoke(cli, ["audit", *arguments])


def test_the_trail_of_a_running_server_is_whole_and_written_out(server, http, tmp_path):
    store = ("--store", f"sqlite:///{server.store}")
    assert http.put(MINE, json={"kind": "preferences", "state": {}}, headers=ADA).is_success
    http.get("/v1/whoami", headers=bearer("x.y.z"))
    found(http, lambda e: e["do"] == "write" and on(e) == ["users.ada/notes"])
    found(http, lambda e: e["out"] == "unauthenticated", of="nobody")
    done = backstory("verify", *store, "--json")
    assert done.exit_code == 0, done.stdout
    told = json.loads(done.stdout)
    assert (told["ok"], {each["tenant"] for each in told["trails"]}) == (True, {"acme", ""})
    file = tmp_path / "trail.jsonl"
    done = backstory("export", *store, "--tenant", "acme", "--names", "-o", str(file))
    assert done.exit_code == 0, done.stderr
    assert "users.ada/notes" in file.read_text()
    head = json.loads(backstory("head", *store, "--tenant", "acme", "--json").stdout)
    anchor = f"{head['block']}:{head['hash']}"
    assert backstory("verify", str(file), "--key", head["key"]).exit_code == 0
    assert backstory("verify", *store, "--tenant", "acme", "--anchor", anchor).exit_code == 0
    other = backstory("verify", str(file), "--key", "00" * 32)
    assert other.exit_code == 1
    for wrong in (("--anchor", "1"), ("--key", "zz")):
        assert backstory("verify", str(file), *wrong).exit_code in (1, 2)


def test_reads_are_told_only_when_asked_and_what_is_left_is_sealed_at_the_end(tmp_path):
    env = environment(tmp_path)
    with serving(tmp_path, env=env) as server, server.client() as http:
        http.put(MINE, json={"kind": "preferences", "state": {"a": 1}}, headers=ADA)
        http.get(MINE, headers=ADA)
        http.get("/v1/contexts/users.bob/x", headers=ADA)
        assert server.stop() == 0
    done = backstory("export", "--store", f"sqlite:///{server.store}", "--tenant", "acme")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["do"] for each in told if "seq" in each] == [
        "write",
        "GET /v1/contexts/{namespace}/{name}",
    ]
    connection = apsw.Connection(str(server.store))
    connection.execute("DELETE FROM audit_blocks WHERE number = 1")
    connection.close()
    broken = backstory("verify", "--store", f"sqlite:///{server.store}")
    assert broken.exit_code == 1
    assert "'acme': " in broken.stdout
    assert "missing" in broken.stdout


def test_nothing_is_told_where_it_is_off(tmp_path):
    with serving(tmp_path, "--audit", "off") as server, server.client() as http:
        assert http.put(MINE, json={"kind": "preferences", "state": {}}).is_success
        assert http.get("/v1/audit").json() == {"items": [], "next": None}
        assert server.stop() == 0
    done = backstory("verify", "--store", f"sqlite:///{server.store}")
    assert (done.exit_code, done.stdout) == (0, "there is no audit trail yet\n")
