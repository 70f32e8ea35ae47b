"""The page where people sign in and agree: what it shows, and what it withstands."""

import re
import sqlite3

import anyio
import httpx
import pytest
from argon2 import PasswordHasher

from backstory import limits
from backstory.config import load
from backstory.errors import BusyError
from backstory.security.authority import passwords
from backstory.wiring import open_app
from client_documents import website
from postgres_server import free_port
from serving import serving
from signing_in import PASSWORD, Person, Request, add_user, browser, command

CALLBACK = "http://127.0.0.1:4711/callback"
ODD = 'Ünder <script>alert(1)</script> "quotes" \u202egnp.exe & \n more'


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with website(tmp_path_factory.mktemp("documents")) as site:
        site.put()
        yield site


@pytest.fixture(scope="module")
def server(tmp_path_factory, site):
    folder, port = tmp_path_factory.mktemp("page"), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "BACKSTORY_AUTH_SERVER": "on",
        "BACKSTORY_PUBLIC_URL": url,
        "BACKSTORY_TRUSTED_PROXIES": "127.0.0.1",
    } | site.environment
    with serving(folder, "--port", str(port), env=environment) as server:
        add_user(server.store, url, "ada")
        arguments = ("--redirect-uri", "http://127.0.0.1/callback", "--name", "The desk")
        command(server.store, url, "client", "add", "desk", *arguments)
        yield server


@pytest.fixture
def http():
    with browser() as http:
        yield http


@pytest.fixture
def ada(http):
    return Person(http)


def asked(server, client="desk", **more):
    return Request(server.url, client, CALLBACK, **more)


def from_address(address):
    return browser(headers={"x-forwarded-for": address})


def test_pages_cannot_be_framed_kept_or_scripted(server, ada):
    for page in (ada.open(asked(server).url), ada.sign_in(), ada.open(f"{server.url}/authorize")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "script" not in policy + page.text
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cache-control"] == "no-store, no-transform"
        assert page.headers["referrer-policy"] == "same-origin"
        assert "content-encoding" not in page.headers
        assert re.findall(r'(?:src|href)="(?!data:)', page.text) == []


def test_the_form_of_consent_may_lead_to_the_client_and_nowhere_else(server, ada):
    first = ada.open(asked(server).url)
    assert "form-action 'self';" in first.headers["content-security-policy"]
    consent = ada.sign_in()
    assert "form-action 'self' http://127.0.0.1:4711;" in consent.headers["content-security-policy"]
    said = ada.read()
    assert "Allow The desk?" in said
    assert "Registered here as desk" in said
    assert "an application on this computer" in said
    assert "read contexts that you may read" in said


def test_the_cookie_is_for_the_server_alone(server, http, ada):
    page = ada.open(asked(server).url)
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


async def test_with_https_the_cookie_cannot_come_from_another_host(tmp_path):
    settings = load(
        {"store": f"sqlite:///{tmp_path}/x.db", "auth_server": True},
        environ={"BACKSTORY_PUBLIC_URL": "https://context.example.com"},
    )
    request = Request("https://context.example.com", "https://x.example/client.json", CALLBACK)
    async with (
        open_app(settings) as running,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app), base_url="https://context.example.com"
        ) as client,
    ):
        page = await client.get(request.url)
        assert page.status_code == 200
        assert page.headers["set-cookie"].startswith("__Host-backstory=")
        assert page.headers["set-cookie"].endswith("; Secure")
        assert "max-age" in page.headers["strict-transport-security"]


async def test_an_issuer_with_a_path_is_found_wherever_clients_look(tmp_path):
    issuer = "https://context.example.com/base"
    settings = load(
        {"store": f"sqlite:///{tmp_path}/x.db", "auth_server": True},
        environ={"BACKSTORY_PUBLIC_URL": issuer},
    )
    async with (
        open_app(settings) as running,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app), base_url="https://context.example.com"
        ) as client,
    ):
        for path in (
            "/.well-known/oauth-authorization-server/base",
            "/.well-known/openid-configuration/base",
            "/base/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ):
            found = (await client.get(path)).json()
            assert (found["issuer"], found["token_endpoint"]) == (issuer, f"{issuer}/token")
        resource = await client.get("/.well-known/oauth-protected-resource/base/mcp")
        assert resource.json()["resource"] == f"{issuer}/mcp"


def test_a_sign_in_changes_the_cookie(server, http, ada):
    ada.open(asked(server).url)
    before = dict(http.cookies)
    ada.sign_in()
    assert dict(http.cookies).keys() == before.keys()
    assert dict(http.cookies) != before


def test_somebody_else_may_sign_in_instead(server, ada):
    ada.open(asked(server).url)
    ada.sign_in()
    assert "Sign in</h1>" in ada.press("sign-out").text
    assert "Sign in</h1>" in ada.open(asked(server).url).text


def test_a_form_that_was_not_given_to_this_browser_is_refused(server, http, ada):
    ada.open(asked(server).url)
    ada.sign_in()
    mine = re.search(r'name="form" value="([^"]*)"', ada.page.text)[1]
    url = str(ada.page.url)
    with browser() as other:
        theirs = Person(other)
        theirs.open(url)
        foreign = re.search(r'name="form" value="([^"]*)"', theirs.page.text)[1]
    elsewhere = asked(server).url
    for form, where in (({"form": foreign}, url), ({}, url), ({"form": mine}, elsewhere)):
        answer = http.post(where, data={"do": "allow"} | form)
        assert answer.status_code == 403
        assert "location" not in answer.headers
    page = http.post(
        url, data={"do": "allow", "form": mine}, headers={"origin": "https://x.example"}
    )
    assert page.status_code == 403
    assert http.post(url, data={"do": "dance", "form": mine}).status_code == 400
    assert http.post(url, data={"do": "allow", "form": mine}).status_code == 303


def test_what_a_client_calls_itself_is_shown_as_text(server, site, ada):
    client = site.put("/odd.json", client_name=ODD)
    ada.open(asked(server, client).url)
    page = ada.sign_in()
    assert "<script>" not in page.text
    assert "\u202e" not in page.text
    said = ada.read()
    assert 'Allow Ünder <script>alert(1)</script> "quotes" gnp.exe & more?' in said
    assert f"Its address {site.host}" in said


def test_nothing_is_fetched_before_somebody_has_signed_in(server, site, http, ada):
    client = site.put("/quiet.json")
    request = asked(server, client)
    page = ada.open(request.url)
    assert f"<strong>{site.host}</strong>" in page.text
    form = {"grant_type": "authorization_code", "code": "x" * 43, "client_id": client}
    assert http.post(f"{server.url}/token", data=form).json()["error"] == "invalid_client"
    ada.press("sign-in", name="ada", password="wrong")
    assert "/quiet.json" not in site.asked
    ada.sign_in()
    assert site.asked.count("/quiet.json") == 1
    ada.press("allow")
    answer = http.post(f"{server.url}/token", data=request.exchange(ada.answer()["code"]))
    assert answer.status_code == 200
    assert site.asked.count("/quiet.json") == 1  # it is believed for a while


BAD_DOCUMENTS = {
    "another id": ({"client_id": "https://localhost/other.json"}, "another client_id"),
    "a secret": ({"client_secret": "x"}, "token_endpoint_auth_method"),
    "a method with a secret": ({"token_endpoint_auth_method": "client_secret_post"}, "none"),
    "no redirects": ({"redirect_uris": []}, "redirect_uris"),
    "redirects of another kind": ({"redirect_uris": "http://127.0.0.1/"}, "redirect_uris"),
    "a script": ({"redirect_uris": ["javascript:alert(1)"]}, "redirected"),
    "http elsewhere": ({"redirect_uris": ["http://example.com/"]}, "this machine only"),
    "another grant": ({"grant_types": ["client_credentials"]}, "grant type"),
}


@pytest.fixture(scope="module")
def signed_in(server):
    with browser() as http:
        person = Person(http)
        person.open(asked(server).url)
        person.sign_in()
        yield person


@pytest.mark.parametrize("what", BAD_DOCUMENTS)
def test_a_document_that_is_none_is_refused(server, site, signed_in, what):
    members, said = BAD_DOCUMENTS[what]
    client = site.put(f"/bad/{what.replace(' ', '-')}.json", **members)
    page = signed_in.open(asked(server, client).url)
    assert page.status_code == 400
    assert said in signed_in.read()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/none.json", {"body": b"", "status": 404}),
        ("/text.json", {"body": b"{}", "content-type": "text/html"}),
        ("/list.json", {"body": b"[]"}),
        ("/twice.json", {"body": b'{"client_id": "x", "client_id": "y"}'}),
        ("/large.json", {"body": b" " * (limits.CLIENT_DOCUMENT_BYTES + 1)}),
        ("/away.json", {"body": b"", "status": 302, "location": "/client.json"}),
    ],
)
def test_an_answer_that_is_no_document_is_refused_and_no_redirect_followed(
    server, site, signed_in, path, answer
):
    client = site.answer(path, **answer)
    before = site.asked.count("/client.json")
    page = signed_in.open(asked(server, client).url)
    assert page.status_code == 400
    assert "document of the client" in signed_in.read()
    assert site.asked.count("/client.json") == before


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "169.254.169.254", "10.0.0.1"])
def test_no_address_near_here_is_asked(server, signed_in, host):
    page = signed_in.open(asked(server, f"https://{host}:1/client.json").url)
    assert page.status_code == 400
    assert "private network" in signed_in.read()


def guess(server, name, address):
    """What is told to somebody who guesses until they have to wait, and who it was."""
    http = from_address(address)
    person = Person(http, name)
    person.open(asked(server).url)
    answers = []
    for _ in range(limits.TRIES_PAIR + 1):
        page = person.sign_in("wrong")
        answers.append((page.status_code, person.read().replace(name, "")))
    return answers, person


@pytest.fixture(scope="module")
def guessed(server):
    add_user(server.store, server.url, "mia")
    found = {
        name: guess(server, name, address)
        for name, address in (("mia", "192.0.2.1"), ("nobody-of-that-name", "192.0.2.3"))
    }
    yield found
    for _, person in found.values():
        person.http.close()


def test_who_guesses_waits_and_others_do_not(server, guessed):
    answers, guesser = guessed["mia"]
    assert [status for status, _ in answers] == [403] * limits.TRIES_PAIR + [429]
    right = guesser.sign_in(PASSWORD)
    assert right.status_code == 429
    assert 0 < int(right.headers["retry-after"]) <= limits.TRIES_SECONDS
    assert "Too many wrong passwords" in guesser.read()
    with from_address("192.0.2.2") as elsewhere:
        mia = Person(elsewhere, "mia")
        mia.open(asked(server).url)
        assert 'value="allow"' in mia.sign_in().text
    guesser.name = "ada"
    assert 'value="allow"' in guesser.sign_in().text


def test_nobody_learns_who_has_an_account(guessed):
    (somebodys, _), (nobodys, _) = guessed.values()
    assert somebodys == nobodys


def test_a_name_may_be_typed_in_any_case_and_a_password_however_it_is_composed(server, http):
    given = "se\u0301v\u00e9n green umbrellas\n"
    arguments = ("user", "add", "zoe", "--password-file", "-")
    command(server.store, server.url, *arguments, given=given)
    zoe = Person(http, " Zoe ", "s\u00e9ve\u0301n green umbrellas")
    zoe.open(asked(server).url)
    assert 'value="allow"' in zoe.sign_in().text


async def test_only_so_many_wait_for_their_password_to_be_checked(monkeypatch):
    monkeypatch.setattr(limits, "PASSWORDS_WAITING", 1)
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)
    checking = passwords.Passwords()
    kept = await checking.hash(PASSWORD)
    outcomes = []

    async def check():
        try:
            outcomes.append(await checking.check(kept, PASSWORD))
        except BusyError as error:
            outcomes.append(error.status)

    async with anyio.create_task_group() as tasks:
        for _ in range(limits.PASSWORDS_CHECKED + 3):
            tasks.start_soon(check)
    assert sorted(outcomes) == [True] * (limits.PASSWORDS_CHECKED + 1) + [503] * 2


def test_the_store_holds_no_secret_that_could_be_shown(server, http, ada):
    secret = command(server.store, server.url, "client", "add", "store-bot")["secret"]
    request = asked(server)
    code = ada.agree(request.url)["code"]
    found = http.post(f"{server.url}/token", data=request.exchange(code)).json()
    shown = [PASSWORD, secret, code, *dict(http.cookies).values()]
    shown += [found["refresh_token"].rpartition("~")[2], found["access_token"]]
    with sqlite3.connect(server.store) as store:
        kept = [
            name.encode() + value for name, value in store.execute("SELECT name, value FROM notes")
        ]
    assert len(kept) > 10
    assert [text for text in shown if any(text.encode() in note for note in kept)] == []


def test_an_account_that_is_called_like_its_client_gets_no_token(server, http):
    add_user(server.store, server.url, "twin")
    arguments = ("client", "add", "twin", "--redirect-uri", CALLBACK)
    command(server.store, server.url, *arguments)
    request = asked(server, "twin")
    code = Person(http, "twin").agree(request.url)["code"]
    answer = http.post(f"{server.url}/token", data=request.exchange(code))
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "query", ["", "client_id=desk&client_id=desk", "client_id=%00", "a=%ff", "client_id=de%22sk"]
)
def test_a_request_that_cannot_be_read_ends_on_a_page(server, http, query):
    page = http.get(f"{server.url}/authorize?{query}")
    assert page.status_code == 400
    assert page.headers["content-type"].startswith("text/html")
