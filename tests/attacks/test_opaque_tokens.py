"""Tokens that only their issuer can read, on REST and over MCP, by real servers and a real site."""

import time

import pytest

from mcp_serving import modern
from serving import serving, until
from token_issuer import AUDIENCE, HOST, bearer, website

HOUR = 3600


@pytest.fixture(scope="module")
def site():
    with website() as running:
        yield running


@pytest.fixture(scope="module")
def nodes(site, tmp_path_factory):
    environment = site.issuer.environment(
        f"{site.url}/keys",
        BACKSTORY_AUTH_INTROSPECTION=f"{site.url}/introspect",
        BACKSTORY_AUTH_CLIENT_ID=site.asker[0],
        BACKSTORY_AUTH_CLIENT_SECRET=site.asker[1],
    )
    folder = tmp_path_factory.mktemp("opaque")
    with serving(folder, env=environment) as one, serving(folder, env=environment) as two:
        yield {"one": one, "two": two}


@pytest.fixture(scope="module", params=["one", "two"])
def server(nodes, request):
    return nodes[request.param]


@pytest.fixture(scope="module")
def http(server):
    with server.client(headers=HOST) as client:
        yield client


def asked(site, token):
    return sum(form["token"] == token for form in site.requested)


def over_mcp(http, token):
    request = modern("tools/list")
    headers = request["headers"] | bearer(token)
    return http.post("/mcp", json=request["json"], headers=headers)


def test_a_token_that_its_issuer_knows_is_believed(site, http):
    token = site.opaque_token("ada", scope="context:read")
    found = http.get("/v1/whoami", headers=bearer(token)).json()
    assert (found["subject"], found["tenant"], found["roles"]) == ("ada", "acme", ["member"])
    assert found["scopes"] == ["context:read"]
    assert over_mcp(http, token).status_code == 200
    assert asked(site, token) == 1  # and remembered


def test_jwts_are_read_without_asking(site, http):
    token = site.issuer.token()
    assert http.get("/v1/whoami", headers=bearer(token)).status_code == 200
    assert asked(site, token) == 0


def told(**claims):
    return lambda site: site.opaque_token(**claims)


NOW = int(time.time())
BAD = {
    "unknown": lambda site: f"nobody-knows-me-{time.monotonic_ns()}",
    "not active": told(active=False),
    "expired": told(exp=NOW - HOUR),
    "no end": told(exp=None),
    "no end at all": lambda site: _without(site, "exp"),
    "not yet": told(nbf=NOW + HOUR),
    "made an hour ahead": told(iat=NOW + HOUR, exp=NOW + 2 * HOUR),
    "an end that is text": told(exp=str(NOW + HOUR)),
    "another audience": told(aud="https://other.example.com"),
    "no audience": lambda site: _without(site, "aud"),
    "another issuer": told(iss="https://evil.example.com"),
    "a refresh token": told(token_type="refresh_token"),
    "a refresh token of Keycloak": told(typ="Refresh"),
    "an ID token of Keycloak": told(typ="ID"),
    "no tenant": lambda site: _without(site, "tenant"),
    "no subject": lambda site: _without(site, "sub"),
    "a subject with a line end": told(sub="ada\nroot"),
    "bound to nonsense": told(cnf={"jkt": "short"}),
}


def _without(site, claim):
    token = site.opaque_token()
    del site.opaque[token][claim]
    return token


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_without_a_helpful_word(site, http, name):
    token = BAD[name](site)
    for answer in (http.get("/v1/whoami", headers=bearer(token)), over_mcp(http, token)):
        assert answer.status_code == 401, answer.text
        assert answer.json()["detail"] == "the token is not accepted; get another one"
        assert answer.headers["www-authenticate"].endswith('error="invalid_token"')
    assert asked(site, token) == 1  # the second time nobody was asked


@pytest.mark.parametrize("token", ["x" * 20_000, "spaces in it", "é", "a.b.c.d#", "="])
def test_what_cannot_be_a_token_is_not_asked_about(site, http, token):
    before = len(site.requested)
    answer = http.get("/v1/whoami", headers={"authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert len(site.requested) == before


ODD = {
    "redirect": (302, {}),
    "an error": (500, {}),
    "a list": (200, [1]),
    "active is a word": (200, {"active": "true"}),
    "active is a number": (200, {"active": 1}),
    "nothing": (200, {}),
    "too long": (200, {"active": True, "pad": "x" * 70_000}),
}


def test_an_issuer_that_does_not_answer_is_no_reason_to_drop_a_token(site, server, http):
    kept = site.opaque_token("kept")
    assert http.get("/v1/whoami", headers=bearer(kept)).status_code == 200
    for name, answer in ODD.items():
        site.opaque[name.replace(" ", "-")] = answer
        found = http.get("/v1/whoami", headers=bearer(name.replace(" ", "-")))
        assert (found.status_code, found.json()["code"]) == (503, "issuer_unavailable"), name
        assert int(found.headers["retry-after"]) >= 1
        assert "www-authenticate" not in found.headers
    fresh = site.opaque_token("fresh")
    before = len(site.requested)
    assert http.get("/v1/whoami", headers=bearer(fresh)).status_code == 503
    assert len(site.requested) == before  # after so many failures it is left alone
    assert http.get("/v1/whoami", headers=bearer(kept)).status_code == 200
    until(lambda: "it answered 500" in server.errors(), "a line in the log")
    assert kept not in server.errors()
    assert site.asked.count("/introspect") == 0


def test_a_wrong_secret_lets_nobody_in(site, tmp_path):
    environment = site.issuer.environment(
        f"{site.url}/keys",
        BACKSTORY_AUTH_INTROSPECTION=f"{site.url}/introspect",
        BACKSTORY_AUTH_CLIENT_ID="backstory",
        BACKSTORY_AUTH_CLIENT_SECRET="wrong",
    )
    with serving(tmp_path, env=environment) as server, server.client(headers=HOST) as http:
        answer = http.get("/v1/whoami", headers=bearer(site.opaque_token()))
    assert answer.status_code == 503
    assert "wrong" not in server.errors()
    assert AUDIENCE not in answer.text
