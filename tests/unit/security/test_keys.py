"""Which keys are believed, for how long, and how often an issuer is asked for them."""

import asyncio
import json
import logging
import time

import pytest

from backstory import limits
from backstory.clock import SystemClock
from backstory.errors import ConfigError, TokenRefusedError
from backstory.security.claims import Reading, principal_of
from backstory.security.keeping import Keys
from backstory.security.keys import KeySet
from backstory.security.sources import FileSource, IssuerSource, UrlSource, metadata_urls, source_of
from backstory.security.tokens import Expected, Reader
from backstory.security.verifying import Verifier
from token_issuer import AUDIENCE, Issuer, SigningKey, website

EC, ED = SigningKey("ES256", "ec"), SigningKey("EdDSA", "ed")


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Told:
    """A source whose answers a test decides; `None` fails."""

    name, every = "told", limits.KEYS_FRESH_SECONDS

    def __init__(self, *keys):
        self.keys, self.asked, self.go = list(keys), 0, asyncio.Event()
        self.go.set()

    async def read(self):
        self.asked += 1
        await self.go.wait()
        if not self.keys:
            raise OSError("down")
        return json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()

    async def aclose(self):
        """Nothing is held."""


@pytest.fixture
def passing():
    return Time()


@pytest.fixture
def told():
    return Told(EC)


@pytest.fixture
async def keys(told, passing):
    revoked = []
    keys = Keys(told, lambda: revoked.append(1), passing)
    keys.revoked = revoked
    await keys.refresh()
    return keys


async def test_an_unknown_key_is_asked_for_once_in_a_while_whoever_names_it(keys, told, passing):
    passing.now += limits.KEYS_ASK_SECONDS
    for _ in range(50):
        assert await keys.find("evil", "ES256") is None
    assert told.asked == 2
    passing.now += limits.KEYS_ASK_SECONDS
    told.keys.append(ED)
    assert (await keys.find("ed", "EdDSA")).kid == "ed"
    assert told.asked == 3


async def test_all_who_wait_for_a_key_ask_together(keys, told, passing):
    passing.now += limits.KEYS_ASK_SECONDS
    told.go.clear()
    told.keys.append(ED)
    waiting = [asyncio.create_task(keys.find("ed", "EdDSA")) for _ in range(20)]
    waiting[0].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    told.go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert told.asked == 2
    assert all(key.kid == "ed" for key in found[1:])


async def test_keys_outlive_an_outage_for_a_bounded_time(keys, told, passing, caplog):
    told.keys.clear()
    passing.now += limits.KEYS_KEPT_SECONDS - 1
    assert not await keys.refresh()
    assert await keys.find("ec", "ES256")
    passing.now += 2
    with caplog.at_level(logging.ERROR):
        assert await keys.find("ec", "ES256") is None
    assert "too old" in caplog.text
    assert keys.revoked
    told.keys.append(EC)
    passing.now += limits.KEYS_ASK_SECONDS
    assert await keys.find("ec", "ES256")


async def test_a_withdrawn_key_is_told_and_an_added_one_is_not(keys, told):
    told.keys.append(ED)
    await keys.refresh()
    assert not keys.revoked
    told.keys.remove(EC)
    await keys.refresh()
    assert keys.revoked
    assert await keys.find("ec", "ES256") is None


async def test_nonsense_does_not_replace_keys_that_are_there(keys, told, monkeypatch):
    for raw in (b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "AAAA"}]}'):

        async def read(raw=raw):
            return raw

        monkeypatch.setattr(told, "read", read)
        assert not await keys.refresh()
        assert await keys.find("ec", "ES256")


@pytest.mark.parametrize(
    "more",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"crv": "P-384"},
        {"kty": "oct", "k": "AAAA"},
        {"x": "AAAA"},
        {"kid": 7},
        {"crv": "secp256k1"},
    ],
)
def test_a_key_that_fits_no_algorithm_of_ours_is_left_out(more, caplog):
    raw = json.dumps({"keys": [EC.jwk(**more), ED.jwk()]}).encode()
    assert [key.kid for key in KeySet.of(raw).keys] == ["ed"]
    assert "left out" in caplog.text


def test_short_rsa_keys_are_left_out():
    short = {"kty": "RSA", "n": "AQAB" * 30, "e": "AQAB", "kid": "short"}
    with pytest.raises(ValueError, match="no key"):
        KeySet.of(json.dumps({"keys": [short]}).encode())


def test_a_token_without_kid_needs_a_key_that_is_the_only_one():
    both = KeySet.of(json.dumps({"keys": [EC.jwk(), SigningKey("ES256", "two").jwk()]}).encode())
    assert both.find(None, "ES256") is None
    assert both.find("ec", "ES256").kid == "ec"
    one = KeySet.of(json.dumps({"keys": [EC.jwk(), ED.jwk()]}).encode())
    assert one.find(None, "ES256").kid == "ec"


def test_a_private_key_in_the_set_is_read_as_its_public_one():
    public = EC.jwk()
    raw = json.dumps({"keys": [public | {"d": "AAAA"}]}).encode()
    assert KeySet.of(raw).marks == KeySet.of(json.dumps({"keys": [public]}).encode()).marks


# -- where they are ------------------------------------------------------------------------


@pytest.fixture
def site(request):
    with website(getattr(request, "param", "")) as site:
        yield site


@pytest.mark.parametrize("site", ["", "/realms/acme"], indirect=True)
async def test_the_issuers_metadata_names_the_keys(site):
    source = source_of(None, site.url)
    assert isinstance(source, IssuerSource)
    assert KeySet.of(await source.read()).keys
    await source.aclose()


async def test_metadata_of_another_issuer_is_not_believed(site):
    source = IssuerSource(site.url)
    site.url = "https://evil.example.com"
    with pytest.raises(ValueError, match="another issuer"):
        await source.read()
    await source.aclose()


async def test_a_site_that_is_down_or_does_not_answer_is_an_outage(site, monkeypatch):
    keys = Keys(UrlSource(f"{site.url}/keys"))
    async with keys.kept():
        kid = site.issuer.keys[0].kid
        assert await keys.find(kid, "ES256")
        site.down = True
        assert not await keys.refresh()
        site.down = False
        site.wait.clear()
        monkeypatch.setattr(limits, "KEYS_TRY_SECONDS", 0.01)
        assert not await keys.refresh()
        site.wait.set()
        assert await keys.find(kid, "ES256")


async def test_an_answer_over_its_bound_is_none(site, monkeypatch):
    monkeypatch.setattr(limits, "KEYS_BYTES", 100)
    source = UrlSource(f"{site.url}/keys")
    with pytest.raises(ValueError, match="more than 100 bytes"):
        await source.read()
    await source.aclose()


async def test_a_file_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(ConfigError, match="auth_jwks"):
        async with Keys(FileSource(tmp_path / "none.json")).kept():
            pass


def test_metadata_is_looked_for_as_mcp_clients_do():
    assert metadata_urls("https://a.example/realms/x/") == [
        "https://a.example/.well-known/oauth-authorization-server/realms/x",
        "https://a.example/.well-known/openid-configuration/realms/x",
        "https://a.example/realms/x/.well-known/openid-configuration",
    ]
    assert metadata_urls("https://a.example")[1:] == [
        "https://a.example/.well-known/openid-configuration"
    ]


# -- remembering tokens --------------------------------------------------------------------

ISSUER = Issuer("https://login.example.com", EC)


@pytest.fixture
def verifier(keys, passing):
    reader = Reader(Expected(ISSUER.url, (AUDIENCE,), Reading()), keys)
    return Verifier(reader, monotonic=passing)


async def test_a_token_is_known_for_a_while_and_never_past_its_end(verifier, passing):
    token, short = ISSUER.token(), ISSUER.token(exp=int(time.time()) + 10)
    assert verifier.known(token) is None
    principal = await verifier.verify(token)
    await verifier.verify(short)
    assert verifier.known(token) is principal
    passing.now += 11
    assert verifier.known(short) is None
    assert verifier.known(token) is principal
    passing.now += limits.TOKEN_KNOWN_SECONDS
    assert verifier.known(token) is None


async def test_a_token_within_the_leeway_is_believed_and_not_remembered(verifier):
    late = ISSUER.token(exp=int(time.time()) - 5)
    assert (await verifier.verify(late)).expires_at > SystemClock().now()
    assert verifier.known(late) is None


async def test_no_more_tokens_are_remembered_than_the_bound(verifier, monkeypatch):
    monkeypatch.setattr(limits, "TOKENS_KNOWN", 2)
    tokens = [ISSUER.token() for _ in range(3)]
    for token in tokens:
        await verifier.verify(token)
    assert [verifier.known(token) is None for token in tokens] == [True, False, False]


async def test_what_is_withdrawn_while_a_token_is_read_is_not_remembered(verifier, keys, told):
    token = ISSUER.token()
    found = keys.find

    async def find(kid, algorithm):
        key = await found(kid, algorithm)
        verifier.forget()
        return key

    keys.find = find
    await verifier.verify(token)
    assert verifier.known(token) is None


# -- claims --------------------------------------------------------------------------------


def test_claims_may_lie_deeper_as_keycloak_has_them():
    claims = ISSUER.claims(realm_access={"roles": ["editor"]}, org={"a/b": "acme"}, roles=[])
    reading = Reading("oidc", "/org/a~1b", "/realm_access/roles")
    principal = principal_of(claims, reading, time.time())
    assert (principal.tenant, principal.roles) == ("acme", {"editor"})


async def test_the_oidc_profile_asks_for_less_and_takes_no_id_tokens(keys):
    reading = Reading("oidc")
    reader = Reader(Expected(ISSUER.url, (AUDIENCE,), reading), keys)
    lesser = {"jti": None, "client_id": None, "azp": "web", "header": {"typ": "JWT"}}
    principal, _ = await reader.read(ISSUER.token(**lesser))
    assert (principal.client, principal.token) == ("web", None)
    assert (await reader.read(ISSUER.token(typ="Bearer", **lesser)))[0]
    for kind in ("ID", "Refresh", 1):
        with pytest.raises(TokenRefusedError):
            await reader.read(ISSUER.token(typ=kind, **lesser))
    with pytest.raises(TokenRefusedError):
        await reader.read(ISSUER.token(header={"typ": "logout+jwt"}))
