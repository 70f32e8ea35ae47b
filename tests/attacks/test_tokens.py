"""Tokens that must not be believed, on REST and over MCP, by a real server."""

import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from backstory import limits
from backstory.errors import TokenRefusedError
from backstory.security.claims import Reading
from backstory.security.keeping import Keys
from backstory.security.tokens import Expected, Reader
from backstory.security.verifying import Verifier
from backstory.transports.edge.problems import document
from mcp_serving import modern
from serving import serving, until
from token_issuer import AUDIENCE, MINUTE, Issuer, SigningKey, bearer, segment

HOUR = 60 * MINUTE
RSA, EC, ED = SigningKey("RS256", "rsa"), SigningKey("ES256", "ec"), SigningKey("EdDSA", "ed")
ISSUER = Issuer("https://login.example.com", RSA, EC, ED)
OTHER = SigningKey("ES256", "other")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    environment = ISSUER.environment(ISSUER.write(folder / "keys.json"))
    with serving(folder, env=environment) as one, serving(folder, env=environment) as two:
        yield {"one": one, "two": two}


@pytest.fixture(scope="module", params=["one", "two"])
def server(nodes, request):
    return nodes[request.param]


@pytest.fixture(scope="module")
def http(server):
    with server.client() as client:
        yield client


def now(offset=0):
    return int(time.time()) + offset


def spliced(head, claims, signature="AAAA"):
    return f"{segment(head)}.{segment(claims)}.{signature}"


def signed_by_hand(head, payload, key=EC):
    """Valid in everything but its text: whatever bytes stand for header and payload."""
    text = f"{segment(head)}.{segment(payload)}".encode()
    made = get_default_algorithms()[key.algorithm].sign(text, key.private)
    return f"{text.decode()}.{segment(made)}"


def hmac_with_public_key():
    public = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'rsa'})}.{segment(ISSUER.claims())}"
    made = hmac.new(public, text.encode(), hashlib.sha256).digest()
    return f"{text}.{segment(made)}"


def doubled(name, value):
    """Claims in which a member stands twice, the good one last."""
    text = json.dumps(ISSUER.claims())
    return f'{{"{name}": {json.dumps(value)}, {text[1:]}'.encode()


HEAD = {"alg": "ES256", "typ": "at+jwt", "kid": "ec"}


def bad_tokens():
    """Each by its name, made when it is needed, so that its times are of now."""
    token, claims = ISSUER.token, ISSUER.claims
    good = token(key=EC)
    flipped = "A" if good[-10] != "A" else "B"
    return {
        "no JWT": "not-a-token",
        "two parts": good.rpartition(".")[0],
        "four parts": f"{good}.AAAA",
        "five parts of a JWE": "a.b.c.d.e",
        "not ASCII": "é.é.é",
        "another signature": f"{good[:-10]}{flipped}{good[-9:]}",
        "no signature": good.rpartition(".")[0] + ".",
        "alg none": spliced({"alg": "none", "typ": "at+jwt"}, claims(), ""),
        "alg None and a signature": spliced({"alg": "None", "typ": "at+jwt"}, claims()),
        "HMAC with the public key": hmac_with_public_key(),
        "alg of another key": signed_by_hand(HEAD | {"kid": "rsa"}, claims()),
        "alg is no text": spliced(HEAD | {"alg": ["ES256"]}, claims()),
        "unknown kid": token(key=OTHER),
        "known kid, another key": token(key=OTHER, header={"kid": "ec"}),
        "kid leads elsewhere": token(key=EC, header={"kid": "../../dev/null"}),
        "kid is no text": signed_by_hand(HEAD | {"kid": 1}, claims()),
        "a key in the header": token(key=OTHER, header={"jwk": OTHER.jwk(), "kid": "ec"}),
        "a key set's address": token(key=EC, header={"jku": "https://evil.example/keys"}),
        "a certificate's address": token(key=EC, header={"x5u": "https://evil.example/c"}),
        "a certificate": token(key=EC, header={"x5c": ["AAAA"]}),
        "crit": signed_by_hand(HEAD | {"crit": ["exp"]}, claims()),
        "b64": signed_by_hand(HEAD | {"b64": True, "crit": ["b64"]}, claims()),
        "compressed": signed_by_hand(HEAD | {"zip": "DEF"}, claims()),
        "typ JWT": token(key=EC, header={"typ": "JWT"}),
        "no typ": signed_by_hand({"alg": "ES256", "kid": "ec"}, claims()),
        "typ of a logout token": token(key=EC, header={"typ": "logout+jwt"}),
        "header member twice": signed_by_hand(
            b'{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"ec"}', claims()
        ),
        "header is a list": signed_by_hand([HEAD], claims()),
        "subject twice": signed_by_hand(HEAD, doubled("sub", "admin")),
        "roles twice": signed_by_hand(HEAD, doubled("roles", ["admin"])),
        "payload is a list": signed_by_hand(HEAD, [claims()]),
        "payload is no JSON": signed_by_hand(HEAD, b"{"),
        "payload is not UTF-8": signed_by_hand(HEAD, b'{"sub":"\xff"}'),
        "NaN as end": signed_by_hand(HEAD, json.dumps(claims() | {"exp": float("nan")}).encode()),
        "infinite end": signed_by_hand(HEAD, json.dumps(claims() | {"exp": float("inf")}).encode()),
        "end too large": token(key=EC, exp=10**18),
        "end is text": signed_by_hand(HEAD, claims(exp=str(now(HOUR)))),
        "end is true": signed_by_hand(HEAD, claims(exp=True)),
        "expired an hour ago": token(key=EC, iat=now(-2 * HOUR), exp=now(-HOUR)),
        "expired over a minute ago": token(key=EC, exp=now(-70)),
        "not yet for an hour": token(key=EC, nbf=now(HOUR)),
        "made an hour ahead": token(key=EC, iat=now(HOUR), exp=now(2 * HOUR)),
        "no end": token(key=EC, exp=None),
        "no beginning": token(key=EC, iat=None),
        "no id": token(key=EC, jti=None),
        "no client": token(key=EC, client_id=None),
        "no subject": token(key=EC, sub=None),
        "empty subject": token(key=EC, sub=""),
        "long subject": token(key=EC, sub="s" * 257),
        "subject with a line end": token(key=EC, sub="ada\nroot"),
        "subject is a number": signed_by_hand(HEAD, claims(sub=42)),
        "no tenant": token(key=EC, tenant=None),
        "empty tenant": token(key=EC, tenant=""),
        "tenant is a list": token(key=EC, tenant=["acme"]),
        "no audience": token(key=EC, aud=None),
        "wrong audience": token(key=EC, aud="https://other.example.com"),
        "audience below ours": token(key=EC, aud=f"{AUDIENCE}/else"),
        "audience in another case": token(key=EC, aud=AUDIENCE.upper()),
        "audience is an object": token(key=EC, aud={AUDIENCE: 1}),
        "no issuer": token(key=EC, iss=None),
        "wrong issuer": token(key=EC, iss="https://evil.example.com"),
        "issuer with a slash": token(key=EC, iss=f"{ISSUER.url}/"),
        "issuer is a list": signed_by_hand(HEAD, claims(iss=[ISSUER.url])),
        "roles are a number": signed_by_hand(HEAD, claims() | {"roles": 1}),
        "scope is a list": token(key=EC, scope=["context:read"]),
        "16 KB": token(key=EC, pad="x" * 16_384),
        "60 KB": token(key=EC, pad="x" * 45_000),
    }


def test_the_reason_stands_in_the_log_and_the_token_does_not(server, http):
    """The first of this file, since the log counts lines that come again and again."""
    token = ISSUER.token(key=EC, aud="https://other.example.com")
    answer = http.get("/v1/whoami", headers=bearer(token))
    trace = answer.json()["trace_id"]
    until(lambda: trace in server.errors(), "a line in the log, which is written by a thread")
    (line,) = [line for line in server.errors().splitlines() if trace in line]
    assert "InvalidAudienceError" in line
    assert token.split(".")[2] not in server.errors()


NAMES = list(bad_tokens())
REASONS = {
    "another signature": "InvalidSignatureError",
    "expired an hour ago": "ExpiredSignatureError",
    "not yet for an hour": "ImmatureSignatureError",
    "made an hour ahead": "ImmatureSignatureError",
    "wrong audience": "InvalidAudienceError",
    "wrong issuer": "InvalidIssuerError",
    "alg none": "not the form of a JWT",
    "alg None and a signature": "signed by 'None'",
    "HMAC with the public key": "signed by 'HS256'",
    "unknown kid": "no key 'other' for ES256 is known",
    "known kid, another key": "InvalidSignatureError",
    "no end": "exp",
    "60 KB": "too long",
}
"""What stands in the log of each, in part."""


class Told:
    """The issuer's keys, without asking for them."""

    name, every = "told", limits.KEYS_FRESH_SECONDS

    async def read(self):
        return json.dumps(ISSUER.jwks()).encode()

    async def aclose(self):
        """Nothing is held."""


@pytest.mark.parametrize("name", REASONS)
async def test_each_kind_of_bad_token_has_its_reason_for_the_log_alone(bad, name):
    keys = Keys(Told(), lambda: None, time.monotonic)
    await keys.refresh()
    verifier = Verifier(Reader(Expected(ISSUER.url, (AUDIENCE,), Reading()), keys))
    with pytest.raises(TokenRefusedError) as caught:
        await verifier.verify(bad[name])
    assert REASONS[name] in caught.value.reason
    assert caught.value.reason not in str(caught.value)
    assert caught.value.reason not in str(document(caught.value, "trace"))


@pytest.fixture(scope="module")
def bad():
    return bad_tokens()


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_token_is_refused_without_a_helpful_word(http, bad, name):
    raw = f"Bearer {bad[name]}".encode()
    answers = [
        http.get("/v1/whoami", headers={"authorization": raw}),
        http.post("/mcp", **_with(modern("tools/list"), raw)),
    ]
    for answer in answers:
        assert answer.status_code == 401, answer.text
        problem = answer.json()
        assert problem["detail"] == "the token is not accepted; get another one"
        assert set(problem) == {"type", "title", "status", "code", "detail", "trace_id"}
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith("Bearer ")
        assert challenge.endswith('error="invalid_token"')
        assert "error_description" not in challenge


def _with(request, authorization):
    return request | {"headers": request["headers"] | {"authorization": authorization}}


@pytest.mark.parametrize(
    "authorization", [None, "", "Basic YWRhOmFkYQ==", "Bearer", "Bearerx", "DPoP x"]
)
def test_without_a_token_a_client_is_told_where_to_get_one(http, authorization):
    headers = {} if authorization is None else {"authorization": authorization}
    for answer in (
        http.get("/v1/whoami", headers=headers),
        http.post("/mcp", **_with(modern("tools/list"), authorization or "")),
    ):
        assert answer.status_code == 401
        challenge = answer.headers["www-authenticate"]
        assert "error=" not in challenge
        document = f'{AUDIENCE}/.well-known/oauth-protected-resource"'
        assert f'resource_metadata="{document}' in challenge


def test_two_tokens_in_one_request_are_refused(http):
    both = [("authorization", f"Bearer {ISSUER.token(key=EC)}")] * 2
    assert http.get("/v1/whoami", headers=both).status_code == 400


def test_a_token_in_the_query_is_none(http):
    answer = http.get("/v1/whoami", params={"access_token": ISSUER.token(key=EC)})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("key", "more"),
    [
        (RSA, {}),
        (EC, {}),
        (ED, {}),
        (EC, {"header": {"typ": "application/AT+JWT"}}),
        (EC, {"aud": ["https://other.example.com", AUDIENCE]}),
        (EC, {"exp": "a little ago"}),
        (EC, {"nbf": "soon"}),
        (EC, {"iat": "soon"}),
        (EC, {"sub": "s" * 256}),
    ],
)
def test_a_good_token_is_believed_though_clocks_are_a_minute_apart(http, key, more):
    times = {"a little ago": now(-50), "soon": now(50)}
    more = {name: times.get(str(value), value) for name, value in more.items()}
    answer = http.get("/v1/whoami", headers=bearer(ISSUER.token(key=key, **more)))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["tenant"], answer.json()["roles"]) == ("acme", ["member"])
