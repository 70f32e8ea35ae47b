"""Who is let in, from where, and what it then may do: over REST, by two real nodes."""

import json

import pytest

from mcp_serving import modern
from serving import failing, serving
from token_issuer import AUDIENCE, HOST, Issuer, bearer

PAGE = "https://app.example.com"
OPERATOR = "acme/root"
ISSUER = Issuer()
MCP = "https://mcp.example.com/mcp"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("callers")
    environment = ISSUER.environment(
        ISSUER.write(folder / "keys.json"),
        audience=f"{AUDIENCE},{MCP},{AUDIENCE}/team",
        BACKSTORY_PUBLIC_URL=AUDIENCE,
        BACKSTORY_ALLOWED_HOSTS="127.0.0.1,box:8765",
        BACKSTORY_CORS_ORIGINS=PAGE,
        BACKSTORY_OPERATORS=OPERATOR,
    )
    anywhere = ("--host", "0.0.0.0")
    with (
        serving(folder, *anywhere, env=environment) as one,
        serving(folder, *anywhere, env=environment) as two,
    ):
        for running in (one, two):
            running.said["url"] = running.url.replace("0.0.0.0", "127.0.0.1")
        yield {"one": one, "two": two}


@pytest.fixture(scope="module", params=["one", "two"])
def http(nodes, request):
    with nodes[request.param].client() as client:
        yield client


@pytest.fixture
def call(http):
    """As somebody: `call(token_or_roles, method, path, ...)`."""

    def send(who, method, path, **options):
        more = dict(who)
        subject = more.pop("subject", "ada")
        headers = bearer(ISSUER.token(subject, **more)) | options.pop("headers", {})
        return http.request(method, path, headers=headers, **options)

    return send


ADMIN = {"roles": ["admin"], "subject": "boss"}
MEMBER = {"roles": ["member"]}


# -- hosts and pages -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("context.example.com", 200),
        ("CONTEXT.example.com", 200),
        ("context.example.com:443", 200),
        ("mcp.example.com", 200),
        ("127.0.0.1:1", 200),
        ("box:8765", 200),
        ("box", 421),
        ("box:1", 421),
        ("context.example.com:8443", 421),
        ("context.example.com.evil.example", 421),
        ("localhost", 421),
        ("evil.example", 421),
        ("", 421),
    ],
)
def test_only_our_own_hosts_are_answered_for(http, host, status):
    headers = bearer(ISSUER.token()) | {"host": host}
    answer = http.get("/v1/whoami", headers=headers)
    assert answer.status_code == status
    assert http.get("/livez", headers={"host": host}).status_code == 200
    assert http.get("/readyz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (AUDIENCE, 200),
        (PAGE, 200),
        ("https://mcp.example.com", 200),
        ("null", 403),
        ("", 403),
        ("http://context.example.com", 403),
        ("http://context.example.com.evil.example", 403),
        ("https://app.example.com:444", 403),
        ("https://app.example.com/", 403),
        ("file://", 403),
    ],
)
def test_only_pages_that_may_are_answered(http, origin, status):
    headers = bearer(ISSUER.token()) | HOST | {"origin": origin}
    for path in ("/v1/whoami", "/openapi.json"):
        assert http.get(path, headers=headers).status_code == status


def test_browsers_learn_which_pages_may(http):
    asked = HOST | {"origin": PAGE, "access-control-request-method": "PUT"}
    asked |= {"access-control-request-headers": "authorization"}
    answer = http.options("/v1/contexts/a/b", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    foreign = http.options("/v1/contexts/a/b", headers=asked | {"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers
    answer = http.get("/v1/whoami", headers=bearer(ISSUER.token()) | HOST | {"origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]


def test_proxies_may_stand_between(http):
    headers = bearer(ISSUER.token()) | HOST | {"x-forwarded-for": "10.0.0.1", "via": "1.1 nginx"}
    assert http.get("/v1/whoami", headers=headers).status_code == 200


# -- metadata ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "host", "resource"),
    [
        ("", "context.example.com", AUDIENCE),
        ("/mcp", "mcp.example.com", MCP),
        ("/mcp", "context.example.com", MCP),
        ("/team", "context.example.com", f"{AUDIENCE}/team"),
    ],
)
def test_each_audience_has_its_document(http, path, host, resource):
    where = f"/.well-known/oauth-protected-resource{path}"
    answer = http.get(where, headers={"host": host})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["resource"], found["authorization_servers"]) == (resource, [ISSUER.url])
    assert "context:read" in found["scopes_supported"]
    assert http.head(where, headers={"host": host}).status_code == 200
    assert http.post(where, headers={"host": host}).status_code == 405


def test_there_is_no_document_of_others(http):
    answer = http.get("/.well-known/oauth-protected-resource/else", headers=HOST)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "host", "document"),
    [
        ("/v1/whoami", "context.example.com", f"{AUDIENCE}/.well-known/oauth-protected-resource"),
        ("/team/x", "context.example.com", f"{AUDIENCE}/.well-known/oauth-protected-resource/team"),
        (
            "/mcp",
            "mcp.example.com",
            "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        ),
        ("/v1/whoami", "127.0.0.1:5", f"{AUDIENCE}/.well-known/oauth-protected-resource"),
    ],
)
def test_a_challenge_points_to_the_audience_that_was_called(http, path, host, document):
    answer = http.get(path, headers={"host": host})
    assert answer.status_code == 401
    assert f'resource_metadata="{document}"' in answer.headers["www-authenticate"]


# -- what needs no token, and what tells more with one ---------------------------------------


def test_health_tells_its_parts_to_operators_only(http):
    assert http.get("/healthz", headers=HOST).json() == {"status": "ok"}
    for who, keys in (("ada", {"status"}), ("root", {"status", "version", "epoch", "checks"})):
        found = http.get("/healthz", headers=bearer(ISSUER.token(who)) | HOST).json()
        assert set(found) == keys


def test_an_operator_is_one_by_configuration_alone(call):
    claimed = call(MEMBER | {"operator": True}, "GET", "/v1/whoami").json()
    assert (claimed["operator"], claimed["trust"]) == (False, "user")
    root = call(MEMBER | {"subject": "root"}, "GET", "/v1/whoami").json()
    assert (root["operator"], root["trust"]) == (True, "operator")
    elsewhere = call(MEMBER | {"subject": "root", "tenant": "other"}, "GET", "/v1/whoami").json()
    assert elsewhere["operator"] is False


def test_whoami_tells_what_the_caller_may(call):
    found = call(MEMBER | {"subject": "A.b", "scope": "context:read openid"}, "GET", "/v1/whoami")
    view = found.json()
    assert view["scopes"] == ["context:read", "openid"]
    assert view["rights"] == [{"verb": "read", "namespace": "users._41_2eb.*", "reserved": False}]
    machine = {"roles": ["member"], "subject": "bot", "client_id": "bot"}
    rights = call(machine, "GET", "/v1/whoami").json()["rights"]
    assert {right["namespace"] for right in rights} == {"clients.bot.*"}


# -- rights --------------------------------------------------------------------------------

KIND = {"kind": "session"}
ENTRIES = {"entries": [{"role": "user", "content": "hi"}]}
VERBS = [
    ("GET", "", None),
    ("GET", "?since=1", None),
    ("GET", "?at=1", None),
    ("PUT", "", KIND),
    ("PATCH", "", {"a": 1}),
    ("DELETE", "", None),
    ("DELETE", "?purge=true", None),
    ("POST", "/entries", ENTRIES),
    ("GET", "/entries", None),
    ("DELETE", "/entries/1", None),
    ("GET", "/versions", None),
    ("GET", "/diff?from=1&to=1", None),
    ("POST", "/restore", {"version": 1}),
    ("POST", "/forget?before=1", None),
    ("POST", "/fork", {"to": "users.ada/stolen"}),
    ("POST", "/summaries", {}),
    ("GET", "/content", None),
    ("PUT", "/content", b"x"),
]


def send_verb(call, who, method, path, body):
    media = "application/merge-patch+json" if method == "PATCH" else "application/json"
    if isinstance(body, bytes):
        return call(who, method, path, content=body, headers={"content-type": "text/plain"})
    if body is None:
        return call(who, method, path)
    return call(who, method, path, content=json.dumps(body), headers={"content-type": media})


@pytest.fixture(scope="module")
def secret(http):
    headers = bearer(ISSUER.token("boss", ["admin"]))
    body = KIND | {"state": {"word": "swordfish"}}
    answer = http.put("/v1/contexts/users.bob/secret", json=body, headers=headers)
    assert answer.status_code in (200, 201)
    http.post("/v1/contexts/users.bob/secret/entries", json=ENTRIES, headers=headers)
    return "users.bob/secret"


@pytest.mark.parametrize(("method", "tail", "body"), VERBS)
def test_what_may_not_be_seen_is_not_there_in_any_verb(call, secret, method, tail, body):
    answers = []
    for name in (secret, "users.bob/nothing", "users.nobody/nothing"):
        answer = send_verb(call, MEMBER, method, f"/v1/contexts/{name}{tail}", body)
        problem = answer.json() if answer.content else {}
        problem.pop("trace_id")
        text = json.dumps(problem).replace(name, "NAME")
        answers.append((answer.status_code, text, answer.headers.get("etag")))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 404


def test_lists_search_and_changes_of_others_are_empty(call, secret):
    for query in ("", "?namespace=users.bob", "?namespace=users.*", "?namespace=_system.*"):
        listed = call(MEMBER | {"subject": "empty"}, "GET", f"/v1/contexts{query}")
        assert (listed.status_code, listed.json()["items"]) == (200, [])
        changes = call(MEMBER | {"subject": "empty"}, "GET", f"/v1/changes{query}")
        assert (changes.status_code, changes.json()["items"]) == (200, [])
    found = call(MEMBER, "POST", "/v1/search", json={"query": "swordfish"})
    assert (found.status_code, found.json()["items"]) == (200, [])
    assert call(ADMIN, "POST", "/v1/search", json={"query": "swordfish"}).json()["items"]


def test_a_render_or_a_commit_reaches_no_further(call, secret):
    wanted = {"sources": [{"context": secret}], "model": "gpt-5", "budget": 1000}
    assert call(MEMBER, "POST", "/v1/render", json=wanted).status_code == 404
    operations = [
        {"op": "put", "context": "users.ada/mine", "kind": "session", "state": {}},
        {"op": "patch", "context": secret, "merge": {"word": "gone"}},
    ]
    assert call(MEMBER, "POST", "/v1/commits", json={"operations": operations}).status_code == 404
    assert call(MEMBER, "GET", "/v1/contexts/users.ada/mine").status_code == 404
    assert call(ADMIN, "GET", f"/v1/contexts/{secret}").json()["state"] == {"word": "swordfish"}


@pytest.mark.parametrize(
    ("who", "request_", "scope"),
    [
        ({"scope": "context:read"}, ("PUT", "users.ada/x", KIND), "context:write"),
        ({"scope": "context:read"}, ("POST", "users.ada/x/entries", ENTRIES), "context:write"),
        ({"scope": "context:write"}, ("GET", "users.ada/x", None), "context:read"),
        ({"scope": "openid"}, ("GET", "users.ada/x", None), "context:read"),
        ({"scope": "context:read:users.ada.a"}, ("GET", "users.ada/x", None), "context:read"),
        ({"scope": "context:read:users.ada.a"}, ("GET", "", None), None),
        ({"scope": "context:read:users.bob"}, ("GET", "", None), "context:read"),
        ({"scope": ""}, ("GET", "?namespace=users.ada", None), "context:read"),
    ],
)
def test_a_scope_too_narrow_for_a_held_role_says_so(call, who, request_, scope):
    method, path, body = request_
    where = f"/v1/contexts/{path}" if not path.startswith("?") else f"/v1/contexts{path}"
    answer = send_verb(call, MEMBER | who, method, where.rstrip("/"), body)
    if scope is None:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    challenge = answer.headers["www-authenticate"]
    assert f'scope="{scope}"' in challenge
    assert 'error="insufficient_scope"' in challenge
    assert "resource_metadata=" in challenge


@pytest.mark.parametrize(
    ("roles", "path", "status"),  # 200: done, whether it was there or not
    [
        ("reader", "users.ada/r", 403),
        ("editor", "_system.notes/r", 403),
        ("editor", "users.ada/r", 200),
        ("member", "_system.notes/r", 404),
        ("admin", "_system.notes/r", 200),
        ("nothing", "users.ada/r", 404),
    ],
)
def test_a_role_that_is_missing_is_forbidden_without_a_challenge(call, roles, path, status):
    answer = call({"roles": [roles]}, "PUT", f"/v1/contexts/{path}", json={"kind": "document"})
    assert (200 if answer.is_success else answer.status_code) == status
    assert "www-authenticate" not in answer.headers
    if status == 403:
        assert answer.json()["code"] == "forbidden"


def test_kinds_are_read_by_all_and_written_by_admins(call):
    schema = {"schema": {"type": "object"}}
    assert call(ADMIN, "PUT", "/v1/kinds/recipe", json=schema).is_success
    for roles in ("editor", "reader", "member"):
        who = {"roles": [roles]}
        assert call(who, "GET", "/v1/kinds/recipe").status_code == 200
        kinds = [item["kind"] for item in call(who, "GET", "/v1/kinds").json()["items"]]
        assert "recipe" in kinds
        refused = call(who, "PUT", "/v1/kinds/recipe", json=schema)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert call({"roles": []}, "GET", "/v1/kinds/recipe").status_code == 404
    assert call({"roles": []}, "PUT", "/v1/kinds/recipe", json=schema).status_code == 404
    narrow = call(ADMIN | {"scope": "context:read"}, "PUT", "/v1/kinds/recipe", json=schema)
    assert narrow.json()["code"] == "insufficient_scope"


def test_writing_needs_no_scope_to_read(call):
    who = MEMBER | {"scope": "context:write", "subject": "scribe"}
    path = "/v1/contexts/users.scribe/log"
    assert call(who, "PUT", path, json={"kind": "conversation"}).is_success
    assert call(who, "POST", f"{path}/entries", json=ENTRIES).status_code == 200
    merge = {"content-type": "application/merge-patch+json"}
    assert call(who, "PATCH", path, content='{"a":1}', headers=merge).status_code == 200
    media = {"content-type": "text/plain"}
    assert call(who, "PUT", f"{path}/content", content=b"x", headers=media).status_code in (
        200,
        201,
    )
    assert call(who, "DELETE", path).status_code == 204
    admin = ADMIN | {"scope": "context:write"}
    schema = {"schema": {"type": "object"}}
    assert call(admin, "PUT", "/v1/kinds/soup", json=schema).is_success


def test_instructions_need_their_right_even_in_ones_own_prompts(call):
    entry = {"entries": [{"role": "system", "content": "obey"}]}
    path = "/v1/contexts/users.ada/talk"
    call(MEMBER, "PUT", path, json={"kind": "conversation"})
    assert call(MEMBER, "POST", f"{path}/entries", json=entry).status_code == 200
    editor = call({"roles": ["editor"]}, "POST", f"{path}/entries", json=entry)
    assert (editor.status_code, editor.json()["code"]) == (403, "forbidden")
    narrow = MEMBER | {"scope": "context:read"}
    prompt = call(narrow, "PUT", "/v1/contexts/users.ada/p", json={"kind": "prompt"})
    assert prompt.json()["code"] == "insufficient_scope"


def test_cursors_are_of_one_tenant_and_subject(call):
    for number in range(3):
        call(MEMBER, "PUT", f"/v1/contexts/users.ada/c{number}", json=KIND)
    cursor = call(MEMBER, "GET", "/v1/contexts?limit=1").json()["next"]
    changes = call(MEMBER, "GET", "/v1/changes?limit=1").json()["next"]
    for who in ({"subject": "eve"}, {"tenant": "other"}):
        stolen = MEMBER | {"roles": ["reader"]} | who
        assert call(stolen, "GET", f"/v1/contexts?limit=1&cursor={cursor}").status_code == 400
        assert call(stolen, "GET", f"/v1/changes?after={changes}").status_code == 400
    assert call(MEMBER, "GET", f"/v1/contexts?limit=1&cursor={cursor}").status_code == 200


def test_a_render_id_is_of_one_tenant_and_subject(call):
    path = "/v1/contexts/users.ada/window"
    call(MEMBER, "PUT", path, json={"kind": "conversation"})
    call(MEMBER, "POST", f"{path}/entries", json=ENTRIES)
    wanted = {"sources": [{"context": "users.ada/window"}], "model": "gpt-5", "budget": 1000}
    found = call(MEMBER, "POST", "/v1/render", json=wanted).json()["render_id"]
    assert call(MEMBER, "GET", f"/v1/renders/{found}").status_code == 200
    assert call(ADMIN, "GET", f"/v1/renders/{found}").status_code in (400, 404, 410)
    assert call(MEMBER | {"tenant": "other"}, "GET", f"/v1/renders/{found}").status_code != 200
    assert call({"roles": []}, "GET", f"/v1/renders/{found}").status_code == 404


def test_an_mcp_session_is_of_one_tenant_and_subject(http):
    begin = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "raw", "version": "1"},
        },
    }
    accept = {"accept": "application/json, text/event-stream"}
    ada = ISSUER.token("ada")
    session = http.post("/mcp", json=begin, headers=accept | bearer(ada)).headers["mcp-session-id"]
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    more = accept | {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
    assert http.post("/mcp", json=ping, headers=more | bearer(ada)).status_code == 200
    for stolen in (ISSUER.token("eve"), ISSUER.token("ada", tenant="other")):
        assert http.post("/mcp", json=ping, headers=more | bearer(stolen)).status_code == 404


def test_over_mcp_a_narrow_scope_is_a_challenge_with_the_error_behind_it(http):
    token = ISSUER.token(scope="context:read")
    arguments = {"context": "users.ada/x", "kind": "session", "state": {}}
    for params, name in (({"name": "write_context", "arguments": arguments}, "write_context"),):
        request = modern("tools/call", params, name=name)
        answer = http.post("/mcp", json=request["json"], headers=request["headers"] | bearer(token))
        assert answer.status_code == 403
        challenge = answer.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert 'scope="context:write"' in challenge
        assert answer.json()["error"]["data"]["code"] == "insufficient_scope"


# -- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"BACKSTORY_AUTH_AUDIENCE": ""}, "auth_audience is needed"),
        ({"BACKSTORY_AUTH_ISSUER": ""}, "auth_issuer"),
        ({"BACKSTORY_AUTH_ISSUER": "login"}, "auth_issuer"),
        ({"BACKSTORY_AUTH_JWKS": "http://keys.example.com"}, "auth_jwks"),
        ({"BACKSTORY_AUTH_JWKS": "file:/nowhere.json"}, "auth_jwks"),
        ({"BACKSTORY_AUTH_JWKS": "", "BACKSTORY_AUTH_ISSUER": "http://x.example"}, "must be https"),
        ({"BACKSTORY_AUTH_PROFILE": "saml"}, "auth_profile"),
        ({"BACKSTORY_OPERATORS": "root"}, "operators"),
        ({"BACKSTORY_CORS_ORIGINS": "*"}, "cors_origins"),
        ({"BACKSTORY_LOCAL_TOKEN": "on"}, "local_token"),
        (
            {"BACKSTORY_AUTH_AUDIENCE": "backstory", "BACKSTORY_ALLOWED_HOSTS": ""},
            "public_url is needed",
        ),
    ],
)
def test_a_setting_that_would_let_in_the_wrong_ones_stops_the_start(tmp_path, changed, said):
    environment = ISSUER.environment(ISSUER.write(tmp_path / "keys.json")) | changed
    with failing(tmp_path, env=environment) as server:
        assert server.wait() == 2
        (line,) = server.errors().splitlines()
    assert line.startswith("error: ")
    assert said in line
