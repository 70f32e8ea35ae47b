"""The built-in authorization server over HTTP: codes, refresh tokens, machines, revocation."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest

from postgres_server import free_port
from serving import SECONDS, serving, until
from signing_in import Person, Request, add_user, browser, command
from token_issuer import bearer

APP, CALLBACK = "desk", "http://127.0.0.1:4711/callback"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Two servers on one store, called by one name; the second is behind it as a node would be."""
    folder, port = tmp_path_factory.mktemp("flows"), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"BACKSTORY_AUTH_SERVER": "on", "BACKSTORY_PUBLIC_URL": url}
    other = environment | {"BACKSTORY_ALLOWED_HOSTS": "127.0.0.1"}
    with (
        serving(folder, "--port", str(port), env=environment) as one,
        serving(folder, env=other) as two,
    ):
        add_user(one.store, url, "ada")
        add_user(one.store, url, "eve", "--role", "editor", "--tenant", "acme", "--group", "press")
        command(one.store, url, "client", "add", APP, "--redirect-uri", "http://127.0.0.1/callback")
        one.issuer = two.issuer = url
        yield one, two


@pytest.fixture
def server(nodes):
    return nodes[0]


@pytest.fixture(scope="module")
def person(nodes):
    """Ada, who signs in once."""
    with browser() as http:
        yield Person(http)


@pytest.fixture
def http(server):
    with server.client() as client:
        yield client


def agreed(server, person, **more):
    """A request that the person agreed to, and the code."""
    asked = Request(server.issuer, APP, CALLBACK, **more)
    answer = person.agree(asked.url)
    assert (answer["state"], answer["iss"]) == (asked.state, server.issuer)
    return asked, answer["code"]


def tokens(http, form):
    answer = http.post("/token", data=form)
    return answer.status_code, answer.json()


def renewal(refresh_token):
    return {"grant_type": "refresh_token", "client_id": APP, "refresh_token": refresh_token}


def reads(server, token):
    """The status of a call with the token."""
    with server.client(headers=bearer(token)) as http:
        return http.get("/v1/whoami").status_code


def is_refused(server, token):
    until(lambda: reads(server, token) == 401, "the refusal of a token")


def test_a_person_signs_in_agrees_and_the_client_may_use_their_own_namespace(server, person, http):
    asked, code = agreed(server, person)
    status, found = tokens(http, asked.exchange(code))
    assert status == 200
    assert found["token_type"] == "Bearer"
    assert found["scope"] == "context:read context:write"
    claims = jwt.decode(found["access_token"], options={"verify_signature": False})
    assert (claims["iss"], claims["aud"]) == (server.issuer, f"{server.issuer}/mcp")
    assert (claims["sub"], claims["client_id"], claims["roles"]) == ("ada", APP, ["member"])
    assert jwt.get_unverified_header(found["access_token"])["typ"] == "at+jwt"
    headers = bearer(found["access_token"])
    body = {"kind": "session", "state": {}}
    assert http.put("/v1/contexts/users.ada/x", json=body, headers=headers).status_code == 201
    assert http.put("/v1/contexts/users.eve/x", json=body, headers=headers).status_code == 404


def test_roles_and_tenant_are_those_of_the_account(server, http):
    with browser() as other:
        asked, code = agreed(server, Person(other, "eve"))
    _, found = tokens(http, asked.exchange(code))
    claims = jwt.decode(found["access_token"], options={"verify_signature": False})
    assert (claims["tenant"], claims["roles"]) == ("acme", ["editor"])
    assert claims["groups"] == ["press"]


def test_who_does_not_agree_gives_nothing(server, person):
    person.open(Request(server.issuer, APP, CALLBACK).url)
    person.sign_in()
    person.press("deny")
    answer = person.answer()
    assert (answer["error"], answer["iss"]) == ("access_denied", server.issuer)
    assert "code" not in answer


def test_a_code_that_is_used_twice_ends_what_came_from_it(nodes, person, http):
    one, two = nodes
    asked, code = agreed(one, person)
    _, found = tokens(http, asked.exchange(code))
    assert reads(two, found["access_token"]) == 200
    with two.client() as other:
        status, wrong = tokens(other, asked.exchange(code))
    assert (status, wrong["error"]) == (400, "invalid_grant")
    is_refused(one, found["access_token"])
    is_refused(two, found["access_token"])
    status, wrong = tokens(http, renewal(found["refresh_token"]))
    assert (status, wrong["error"]) == (400, "invalid_grant")


def test_of_many_who_show_a_code_to_two_nodes_at_once_one_is_served(nodes, person):
    asked, code = agreed(nodes[0], person)

    def exchange(node):
        with node.client() as client:
            return tokens(client, asked.exchange(code))

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(exchange, nodes * 4))
    served = [found for status, found in answers if status == 200]
    assert len(served) <= 1
    for found in served:  # the others were uses of it, too
        is_refused(nodes[1], found["access_token"])


def test_a_refresh_token_is_changed_each_time_and_ends_all_when_it_comes_again(nodes, person, http):
    one, two = nodes
    asked, code = agreed(one, person)
    _, first = tokens(http, asked.exchange(code))
    with two.client() as other:
        status, second = tokens(other, renewal(first["refresh_token"]))
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    status, third = tokens(http, renewal(second["refresh_token"]))
    assert status == 200
    status, wrong = tokens(http, renewal(first["refresh_token"]))
    assert (status, wrong["error"]) == (400, "invalid_grant")
    for each in (first, second, third):
        is_refused(one, each["access_token"])
    status, wrong = tokens(http, renewal(third["refresh_token"]))
    assert (status, wrong["error"]) == (400, "invalid_grant")


def test_a_refresh_may_ask_for_less_and_never_for_more(server, person, http):
    asked, code = agreed(server, person, scope="context:read")
    _, first = tokens(http, asked.exchange(code))
    more = renewal(first["refresh_token"]) | {"scope": "context:read context:write"}
    assert tokens(http, more)[1]["error"] == "invalid_scope"
    elsewhere = renewal(first["refresh_token"]) | {"resource": "https://other.example.com"}
    assert tokens(http, elsewhere)[1]["error"] == "invalid_target"
    status, found = tokens(http, renewal(first["refresh_token"]) | {"scope": "context:read"})
    assert (status, found["scope"]) == (200, "context:read")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:4712/callback"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"code": "x" * 43}, "invalid_grant"),
        ({"resource": "https://other.example.com/"}, "invalid_target"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_code_is_good_only_for_who_asked_and_as_they_asked(server, person, http, change, error):
    asked, code = agreed(server, person)
    form = {name: value for name, value in (asked.exchange(code) | change).items() if value}
    status, wrong = tokens(http, form)
    assert (status, wrong["error"]) == (400, error)
    assert tokens(http, asked.exchange(code))[0] == 200  # nothing of that has used it up


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"resource": None}, "invalid_target"),
        ({"resource": "https://other.example.com"}, "invalid_target"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"prompt": "none"}, "interaction_required"),
    ],
)
def test_a_wrong_request_is_answered_to_the_client_with_the_issuer(server, person, change, error):
    asked = Request(server.issuer, APP, CALLBACK, **change)
    person.open(asked.url)
    answer = person.answer()
    assert (answer["error"], answer["state"]) == (error, asked.state)
    assert answer["iss"] == server.issuer


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "http://127.0.0.1:4711/callback/more"},
        {"redirect_uri": "http://127.0.0.1:4711/callback?x=1"},
        {"redirect_uri": "http://127.0.0.1.evil.example/callback"},
        {"redirect_uri": "http://localhost:4711/callback"},
        {"redirect_uri": "https://127.0.0.1:4711/callback"},
        {"redirect_uri": "http://evil@127.0.0.1:4711/callback"},
        {"redirect_uri": None},
    ],
)
def test_nobody_is_sent_where_the_client_did_not_register(server, person, change):
    page = person.open(Request(server.issuer, APP, CALLBACK, **change).url)
    assert page.status_code == 400
    assert "This cannot go on" in page.text
    assert "location" not in page.headers


def test_a_machine_asks_for_itself(server, http):
    made = command(server.store, server.issuer, "client", "add", "billing-bot")
    form = {"grant_type": "client_credentials", "resource": server.issuer}
    auth = ("billing-bot", made["secret"])
    answer = http.post("/token", data=form, auth=auth)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert "refresh_token" not in found
    who = http.get("/v1/whoami", headers=bearer(found["access_token"])).json()
    assert (who["subject"], who["roles"]) == ("billing-bot", ["member"])
    body, headers = {"kind": "session", "state": {}}, bearer(found["access_token"])
    own = http.put("/v1/contexts/clients.billing-bot/x", json=body, headers=headers)
    assert own.status_code == 201
    wrong = http.post("/token", data=form, auth=("billing-bot", "x" * 43))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic ")
    nowhere = http.post("/token", data={"grant_type": "client_credentials"}, auth=auth)
    assert nowhere.json()["error"] == "invalid_target"
    unknown = form | {"scope": "openid"}
    assert http.post("/token", data=unknown, auth=auth).json()["error"] == "invalid_scope"
    public = form | {"client_id": "billing-bot"}
    assert tokens(http, public)[1]["error"] == "invalid_client"
    people = {"client_id": APP, **form}
    assert tokens(http, people)[1]["error"] == "invalid_client"

    rotated = command(server.store, server.issuer, "client", "rotate", "billing-bot")
    assert http.post("/token", data=form, auth=auth).status_code == 401
    auth = ("billing-bot", rotated["secret"])
    later = http.post("/token", data=form, auth=auth).json()["access_token"]
    ended = command(server.store, server.issuer, "client", "remove", "billing-bot")
    assert ended["ended"] == 2
    for token in (found["access_token"], later):
        is_refused(server, token)


def test_an_application_with_a_secret_has_to_show_it(server, person, http):
    made = command(
        server.store, server.issuer, "client", "add", "web", "--secret", "--redirect-uri", CALLBACK
    )
    asked = Request(server.issuer, "web", CALLBACK)
    form = asked.exchange(person.agree(asked.url)["code"])
    assert tokens(http, form)[1]["error"] == "invalid_client"
    assert tokens(http, form | {"client_secret": "x" * 43})[1]["error"] == "invalid_client"
    assert tokens(http, form | {"client_secret": made["secret"]})[0] == 200


def test_a_client_takes_back_what_it_was_given(server, person, http):
    asked, code = agreed(server, person)
    _, found = tokens(http, asked.exchange(code))
    other = {"client_id": "nobody", "token": found["access_token"]}
    assert http.post("/revoke", data=other).json()["error"] == "invalid_client"
    assert http.post("/revoke", data={"client_id": APP, "token": "a.b.c"}).status_code == 200
    gone = http.post("/revoke", data={"client_id": APP, "token": found["access_token"]})
    assert gone.status_code == 200
    is_refused(server, found["access_token"])
    _, next_ = tokens(http, renewal(found["refresh_token"]))
    http.post("/revoke", data={"client_id": APP, "token": next_["refresh_token"]})
    is_refused(server, next_["access_token"])
    assert tokens(http, renewal(next_["refresh_token"]))[1]["error"] == "invalid_grant"


def test_a_disabled_account_ends_everywhere_within_a_moment(nodes, http):
    one, two = nodes
    add_user(one.store, one.issuer, "kay")
    with browser() as own:
        kay = Person(own, "kay")
        asked, code = agreed(one, kay)
        _, found = tokens(http, asked.exchange(code))
        command(one.store, one.issuer, "user", "disable", "kay")
        is_refused(two, found["access_token"])
        assert tokens(http, renewal(found["refresh_token"]))[1]["error"] == "invalid_grant"
        assert "Sign in</h1>" in kay.open(asked.url).text
        assert "wrong" in kay.sign_in().text
    command(one.store, one.issuer, "user", "enable", "kay")
    with browser() as own:
        agreed(one, Person(own, "kay"))
    assert tokens(http, renewal(found["refresh_token"]))[1]["error"] == "invalid_grant"


def test_another_password_signs_everything_out_and_other_roles_are_in_the_next_token(server, http):
    store, url = server.store, server.issuer
    add_user(store, url, "lee")
    with browser() as own:
        lee = Person(own, "lee")
        asked, code = agreed(server, lee)
        _, found = tokens(http, asked.exchange(code))
        command(store, url, "user", "roles", "lee", "--role", "reader")
        is_refused(server, found["access_token"])
        _, found = tokens(http, renewal(found["refresh_token"]))
        claims = jwt.decode(found["access_token"], options={"verify_signature": False})
        assert claims["roles"] == ["reader"]
        changed = "another eight purple kites"
        arguments = ("user", "passwd", "lee", "--password-file", "-")
        command(store, url, *arguments, given=f"{changed}\n")
        is_refused(server, found["access_token"])
        assert "Sign in</h1>" in lee.open(asked.url).text
        assert "wrong" in lee.sign_in().text
        lee.password = changed
        assert 'value="allow"' in lee.sign_in().text


def test_the_audit_trail_tells_who_signed_in_agreed_and_was_given_tokens(server, http):
    store, url = server.store, server.issuer
    add_user(store, url, "uma", "--tenant", "audited")
    with browser() as own:
        uma = Person(own, "uma")
        asked = Request(url, APP, CALLBACK)
        uma.open(asked.url)
        uma.sign_in("wrong")
        tokens(http, asked.exchange(uma.agree(asked.url)["code"]))
    arguments = ("--subject", "boss", "--tenant", "audited", "--role", "admin")
    boss = bearer(command(store, url, "token", "create", *arguments)["token"])

    def told():
        events = http.get("/v1/audit", headers=boss).json()["items"]
        found = [(each["do"], each["out"], each["by"]["name"]) for each in events]
        return [each for each in found if each[2] == "uma"]

    wanted = [
        ("sign-in", "unauthenticated", "uma"),
        ("sign-in", "ok", "uma"),
        ("allow", "ok", "uma"),
        ("POST /token", "ok", "uma"),
    ]
    until(lambda: sorted(told()) == sorted(wanted), "the events in the audit trail")


def test_clients_find_everything_by_metadata(server, http):
    found = [
        http.get(path).json()
        for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
    ]
    assert found[0] == found[1]
    about = found[0]
    assert about["issuer"] == server.issuer
    assert about["code_challenge_methods_supported"] == ["S256"]
    assert about["client_id_metadata_document_supported"] is True
    assert about["authorization_response_iss_parameter_supported"] is True
    keys = httpx.get(about["jwks_uri"], timeout=SECONDS).json()["keys"]
    assert keys
    assert all("d" not in key for key in keys)
    resource = http.get("/.well-known/oauth-protected-resource/mcp").json()
    assert resource["authorization_servers"] == [server.issuer]
    assert resource["resource"] == f"{server.issuer}/mcp"


def test_tokens_of_the_command_line_are_signed_by_the_same_keys(nodes):
    one, two = nodes
    store, url = one.store, one.issuer
    made = command(store, url, "token", "create", "--client", "nightly")
    assert reads(two, made["token"]) == 200
    before = command(store, url, "token", "keys")["keys"]
    after = command(store, url, "token", "keys", "--rotate")["keys"]
    assert after[1:] == before
    assert reads(one, made["token"]) == 200
    command(store, url, "token", "revoke", made["token"])
    is_refused(one, made["token"])
    is_refused(two, made["token"])
    other = command(store, url, "token", "create", "--client", "nightly")
    command(store, url, "token", "keys", "--retire", before[0])
    is_refused(two, other["token"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"grant_type=refresh_token&grant_type=password", "invalid_request"),
        (b"grant_type=%ff", "invalid_request"),
        (b"grant_type=refresh_token&client_id=\xc3\xa4", "invalid_request"),
        (b"&".join(b"a%d=b" % n for n in range(100)), "invalid_request"),
        (b"", "unsupported_grant_type"),
        (b"grant_type=authorization_code&client_id=desk", "invalid_request"),
        (b"grant_type=refresh_token&client_id=desk&refresh_token=~~~", "invalid_grant"),
        (b"grant_type=authorization_code&client_id=https%3A%2F%2Fx.example%2Fy", "invalid_client"),
    ],
)
def test_garbage_is_answered_as_oauth_says(http, body, error):
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = http.post("/token", content=body, headers=form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    basic = http.post("/token", content=body, headers=form | {"authorization": "Basic /w=="})
    assert basic.status_code == 400


def test_other_methods_bodies_and_sizes_are_refused(http):
    assert http.get("/token").status_code == 405
    assert http.put("/authorize").status_code == 405
    assert http.post("/jwks").status_code == 405
    assert http.post("/token", content=json.dumps({})).status_code == 415
    assert http.post("/token", data={"code": "x" * 20_000}).status_code == 413
