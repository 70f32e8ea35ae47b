"""Tokens bound to a key (DPoP, RFC 9449): on REST and MCP, by two nodes of one store."""

import time
import uuid

import pytest

from mcp_serving import modern
from serving import serving
from token_issuer import AUDIENCE, HOST, Issuer, Prover, SigningKey, bearer, proven

ISSUER = Issuer()
ADA, EVE = Prover(), Prover()
WHOAMI = f"{AUDIENCE}/v1/whoami"
NOW = int(time.time())
EXPECTED = "the DPoP proof is not accepted; make a new one for each request"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Two of one store: where proofs are optional, and where they are required."""
    folder = tmp_path_factory.mktemp("proofs")
    store = folder / "shared.db"
    jwks = ISSUER.write(folder / "keys.json")
    more = {"BACKSTORY_PUBLIC_URL": AUDIENCE}
    optional = ISSUER.environment(jwks, BACKSTORY_AUTH_DPOP="optional", **more)
    required = ISSUER.environment(jwks, BACKSTORY_AUTH_DPOP="required", **more)
    with (
        serving(folder, env=optional, store=store) as first,
        serving(folder, env=required, store=store) as second,
        first.client(headers=HOST) as one,
        second.client(headers=HOST) as two,
    ):
        yield one, two


def bound(prover=ADA, **more):
    return ISSUER.token(cnf=prover.confirmed, **more)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256", "PS256"])
def test_one_who_has_the_key_is_let_in(nodes, algorithm):
    prover = Prover(algorithm)
    token = bound(prover)
    for node in nodes:
        answer = node.get("/v1/whoami", headers=proven(token, prover.proof("GET", WHOAMI, token)))
        assert answer.status_code == 200, answer.text
        request = modern("tools/list")
        proof = prover.proof("POST", f"{AUDIENCE}/mcp", token)
        headers = request["headers"] | proven(token, proof)
        assert node.post("/mcp", json=request["json"], headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("HTTPS://Context.Example.Com:443/v1/whoami", "/v1/whoami"),
        (f"{WHOAMI}?a=b#c", "/v1/whoami"),
        (f"{AUDIENCE}/v1/contexts", "/v1/contexts?limit=1"),
        (f"{AUDIENCE}/v1/%77hoami", "/v1/whoami"),
    ],
)
def test_a_url_may_be_spelt_in_several_ways(nodes, url, path):
    token = bound()
    for node in nodes:
        answer = node.get(path, headers=proven(token, ADA.proof("GET", url, token)))
        assert answer.status_code == 200, answer.text


def good(token, **more):
    return ADA.proof("GET", WHOAMI, token, **more)


STOLEN = {
    "another key": lambda t: EVE.proof("GET", WHOAMI, t),
    "her key named, another signs": lambda t: good(t, key=EVE.key),
    "another method": lambda t: ADA.proof("PUT", WHOAMI, t),
    "method in small letters": lambda t: ADA.proof("get", WHOAMI, t),
    "another path": lambda t: ADA.proof("GET", f"{AUDIENCE}/v1/contexts", t),
    "a path below": lambda t: ADA.proof("GET", f"{WHOAMI}/", t),
    "another host": lambda t: ADA.proof("GET", "https://evil.example/v1/whoami", t),
    "the address": lambda t: ADA.proof("GET", "http://127.0.0.1/v1/whoami", t),
    "another scheme": lambda t: ADA.proof("GET", WHOAMI.replace("https", "http"), t),
    "another port": lambda t: ADA.proof("GET", f"{AUDIENCE}:8443/v1/whoami", t),
    "no URL": lambda t: ADA.proof("GET", 7, t),
    "a broken URL": lambda t: ADA.proof("GET", "https://[/v1/whoami", t),
    "a broken port": lambda t: ADA.proof("GET", f"{AUDIENCE}:99999999/v1/whoami", t),
    "another token": lambda t: good(bound()),
    "no token": lambda t: good(t, ath=None),
    "no method": lambda t: good(t, htm=None),
    "no URL at all": lambda t: good(t, htu=None),
    "no id": lambda t: good(t, jti=None),
    "an id that is a number": lambda t: good(t, jti=7),
    "an empty id": lambda t: good(t, jti=""),
    "a long id": lambda t: good(t, jti="x" * 257),
    "no time": lambda t: good(t, iat=None),
    "a time that is true": lambda t: good(t, iat=True),
    "a time that is text": lambda t: good(t, iat=str(NOW)),
    "made an hour ago": lambda t: good(t, iat=NOW - 3600),
    "made an hour ahead": lambda t: good(t, iat=NOW + 3600),
    "ended": lambda t: good(t, exp=NOW - 3600),
    "the type of a token": lambda t: good(t, header={"typ": "at+jwt"}),
    "a private key": lambda t: good(t, header={"jwk": ADA.jwk | {"d": "AAAA"}}),
    "no key": lambda t: good(t, header={"jwk": None}),
    "a secret as key": lambda t: good(t, header={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "a key of a strange curve": lambda t: good(t, header={"jwk": ADA.jwk | {"crv": "P-257"}}),
    "a key without a point": lambda t: good(t, header={"jwk": {"kty": "EC", "crv": "P-256"}}),
    "an address of keys": lambda t: good(t, header={"jku": "https://evil.example/keys"}),
    "a certificate": lambda t: good(t, header={"x5c": ["AAAA"]}),
    "crit": lambda t: good(t, header={"crit": ["exp"]}),
    "signed by nobody": lambda t: good(t).rpartition(".")[0] + ".",
    "alg none": lambda t: "eyJhbGciOiJub25lIn0.e30.AAAA",
    "the token itself": lambda t: t,
    "no JWT": lambda t: "proof",
    "too long": lambda t: good(t, pad="x" * 9000),
    "an old signature": lambda t: good(t)[:-8] + "AAAAAAAA",
    "an RSA key of 1024 bits": lambda t: good(
        t, header={"jwk": {"kty": "RSA", "n": "AQ" * 86, "e": "AQAB"}}
    ),
}


@pytest.mark.parametrize("name", STOLEN)
def test_a_stolen_token_is_of_no_use(nodes, name):
    token = bound()
    for node in nodes:
        answer = node.get("/v1/whoami", headers=proven(token, STOLEN[name](token)))
        assert answer.status_code == 401, answer.text
        assert answer.json()["detail"] == EXPECTED
        challenge = answer.headers["www-authenticate"]
        assert 'DPoP algs="' in challenge
        assert 'error="invalid_dpop_proof"' in challenge


def test_a_proof_is_good_once_on_whichever_node(nodes):
    token = bound()
    for first, second in (nodes, reversed(nodes)):
        headers = proven(token, good(token))
        assert first.get("/v1/whoami", headers=headers).status_code == 200
        assert first.get("/v1/whoami", headers=headers).status_code == 401
        assert second.get("/v1/whoami", headers=headers).status_code == 401


def test_two_callers_may_have_the_same_id(nodes):
    jti = uuid.uuid4().hex
    for prover in (ADA, EVE):
        token = bound(prover)
        headers = proven(token, prover.proof("GET", WHOAMI, token, jti=jti))
        assert nodes[0].get("/v1/whoami", headers=headers).status_code == 200


def test_a_clock_may_be_a_minute_apart(nodes):
    token = bound()
    for offset in (-60, 60):
        headers = proven(token, good(token, iat=int(time.time()) + offset))
        assert nodes[0].get("/v1/whoami", headers=headers).status_code == 200


def test_a_bound_token_without_its_proof_is_refused(nodes):
    token = bound()
    for node in nodes:
        with_proof = bearer(token) | {"dpop": good(token)}
        for headers in (bearer(token), with_proof, {"authorization": f"DPoP {token}"}):
            assert node.get("/v1/whoami", headers=headers).status_code == 401
        twice = [("authorization", f"DPoP {token}"), ("dpop", good(token)), ("dpop", good(token))]
        assert node.get("/v1/whoami", headers=twice).status_code == 401


def test_a_token_that_is_not_bound_needs_no_proof_unless_one_is_required(nodes):
    token = ISSUER.token()
    optional, required = nodes
    assert optional.get("/v1/whoami", headers=bearer(token)).status_code == 200
    assert required.get("/v1/whoami", headers=bearer(token)).status_code == 401
    for node in nodes:
        assert node.get("/v1/whoami", headers=proven(token, good(token))).status_code == 401


@pytest.mark.parametrize("jkt", [7, "short", "x" * 44, "", ["x" * 43]])
def test_a_token_bound_to_nonsense_is_refused(nodes, jkt):
    token = ISSUER.token(cnf={"jkt": jkt})
    for headers in (bearer(token), proven(token, good(token))):
        assert nodes[0].get("/v1/whoami", headers=headers).status_code == 401


def test_clients_learn_that_proofs_are_taken(nodes):
    optional, required = nodes
    where = "/.well-known/oauth-protected-resource"
    for node, needed in ((optional, False), (required, True)):
        told = node.get(where).json()
        assert "ES256" in told["dpop_signing_alg_values_supported"]
        assert told["dpop_bound_access_tokens_required"] is needed
    first = optional.get("/v1/whoami").headers["www-authenticate"]
    assert first.startswith("Bearer ")
    assert ', DPoP algs="ES256 ' in first
    assert required.get("/v1/whoami").headers["www-authenticate"].startswith("DPoP algs=")


def test_a_narrow_scope_is_a_challenge_for_a_proof_as_well(nodes):
    token = bound(scope="context:read")
    url = f"{AUDIENCE}/v1/contexts/users.ada/x"
    headers = proven(token, ADA.proof("PUT", url, token))
    answer = nodes[1].put("/v1/contexts/users.ada/x", json={"kind": "session"}, headers=headers)
    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("DPoP ")
    assert 'error="insufficient_scope"' in challenge


def test_a_key_that_came_with_a_proof_signs_no_token(nodes):
    forged = SigningKey("ES256", ADA.key.kid)
    token = ISSUER.token(key=forged, cnf=ADA.confirmed)
    assert nodes[0].get("/v1/whoami", headers=proven(token, good(token))).status_code == 401
