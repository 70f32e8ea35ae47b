"""What the how-to says of Keycloak and its like does let their tokens in."""

import re
from pathlib import Path

import pytest

from serving import serving, until
from token_issuer import SigningKey, bearer, website

PAGE = Path(__file__).parents[2] / "docs/how-to/identity-provider.md"
SETTING = re.compile(r"^(BACKSTORY_\w+)=(\S+)$", re.MULTILINE)
REALM = "/realms/acme"
HOST = {"host": "context.example.com"}


@pytest.fixture(scope="module")
def site():
    with website(REALM) as site:
        yield site


@pytest.fixture(scope="module")
def http(site, tmp_path_factory):
    told = dict(SETTING.findall(PAGE.read_text(encoding="utf-8")))
    assert told["BACKSTORY_AUTH_ISSUER"].endswith(REALM)
    environment = told | {"BACKSTORY_AUTH_ISSUER": site.url}
    folder = tmp_path_factory.mktemp("provider")
    with serving(folder, env=environment) as server, server.client() as http:
        http.server = server
        yield http


def keycloak(site, **more):
    """An access token as Keycloak makes them."""
    claims = {
        "typ": "Bearer",
        "azp": "assistant",
        "client_id": None,
        "aud": ["https://context.example.com/mcp", "account"],
        "realm_access": {"roles": ["member", "offline_access", "uma_authorization"]},
        "scope": "openid email context:read context:write",
        "session_state": "4f1d",
        "preferred_username": "ada",
    }
    return site.issuer.token(
        "f3b0c442-98fc-4c14-9afb-f4c8996fb924", (), header={"typ": "JWT"}, **(claims | more)
    )


def test_an_access_token_of_the_provider_says_who_calls(http, site):
    found = http.get("/v1/whoami", headers=HOST | bearer(keycloak(site))).json()
    assert (found["tenant"], found["client"]) == ("acme", "assistant")
    assert "member" in found["roles"]
    home = f"users.{found['subject']}"
    assert {right["namespace"] for right in found["rights"]} == {f"{home}.*"}
    path = f"/v1/contexts/{home}/preferences"
    answer = http.put(path, json={"kind": "preferences"}, headers=HOST | bearer(keycloak(site)))
    assert answer.status_code == 201


@pytest.mark.parametrize("kind", ["ID", "Refresh", "Logout"])
def test_its_other_tokens_are_refused(http, site, kind):
    answer = http.get("/v1/whoami", headers=HOST | bearer(keycloak(site, typ=kind)))
    assert answer.status_code == 401


def test_its_keys_may_rotate(http, site):
    old = keycloak(site)
    site.issuer.keys.insert(0, type(site.issuer.keys[0])())
    assert http.get("/v1/whoami", headers=HOST | bearer(old)).status_code == 200


def test_while_it_is_down_a_key_that_nobody_knows_is_refused_and_the_log_says_why(http, site):
    forged = site.issuer.token(key=SigningKey("ES256", "elsewhere"))
    site.down = True
    try:
        answer = http.get("/v1/whoami", headers=HOST | bearer(forged))
    finally:
        site.down = False
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, "unauthenticated")
    assert problem["detail"] == "the token is not accepted; get another one"
    assert "error_description" not in answer.headers["www-authenticate"]
    until(lambda: problem["trace_id"] in http.server.errors(), "a line in the log")
    (line,) = [one for one in http.server.errors().splitlines() if problem["trace_id"] in one]
    assert "no key 'elsewhere' for ES256 is known" in line


def test_while_it_is_down_its_tokens_are_believed(http, site):
    site.down = True
    try:
        token = site.issuer.token(
            "eve",
            (),
            key=site.issuer.keys[-1],
            aud="https://context.example.com",
            realm_access={"roles": ["member"]},
        )
        assert http.get("/v1/whoami", headers=HOST | bearer(token)).status_code == 200
    finally:
        site.down = False
