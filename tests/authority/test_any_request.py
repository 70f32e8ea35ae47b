"""Whatever is sent to the authorization server, it answers as OAuth says and never fails."""

import asyncio
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.config import load
from backstory.wiring import open_app
from signing_in import command

URL = "https://context.example.com"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
GOOD = {
    "response_type": ["code", "token", "code token"],
    "client_id": ["desk", "web", "bot", "https://127.0.0.1:1/c.json"],
    "client_secret": ["x", "x" * 43],
    "redirect_uri": ["http://127.0.0.1:9/callback", "https://web.example/cb", "javascript:x"],
    "scope": ["context:read", "context:write:users.*", "openid", "context:read:["],
    "state": ["s", "ä", '"'],
    "resource": [URL, f"{URL}/mcp", "https://other.example"],
    "code_challenge": [CHALLENGE, "short"],
    "code_challenge_method": ["S256", "plain"],
    "code_verifier": ["x" * 43, "y"],
    "grant_type": ["authorization_code", "refresh_token", "client_credentials", "password"],
    "code": ["x" * 43],
    "refresh_token": ["ada~f~s", "~", "~~~", "a.b.c"],
    "token": ["a.b.c", "ada~f~s", "..", "eyJhbGciOiJub25lIn0.e30."],
    "token_type_hint": ["access_token", "other"],
    "prompt": ["none", "login"],
}
TEXT = st.text(max_size=20) | st.binary(max_size=20).map(lambda raw: raw.decode("latin-1"))


@st.composite
def queries(draw):
    """Parameters that may be good, made up, or none at all."""
    names = st.sampled_from(sorted(GOOD)) | TEXT
    pairs = []
    for name in draw(st.lists(names, max_size=9)):
        value = draw(st.sampled_from(GOOD.get(name, [""])) | TEXT)
        pairs.append(f"{quote(name, safe='')}={quote(value, safe='')}")
    return "&".join(pairs).encode() + draw(st.just(b"") | st.binary(max_size=9))


@st.composite
def requests(draw):
    path = draw(st.sampled_from(["/authorize", "/token", "/revoke"]))
    sent = draw(queries())
    if path == "/authorize" and draw(st.booleans()):
        return "GET", path, sent, b"", {}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if draw(st.booleans()):
        headers["authorization"] = draw(
            st.sampled_from(["Basic ZGVzazp4", "Basic Og==", "Basic /w==", "Basic", "Bearer x"])
        )
    return "POST", path, draw(queries()) if path == "/authorize" else b"", sent, headers


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The application and the loop that it runs in."""
    store = tmp_path_factory.mktemp("any") / "x.db"
    redirect = ("--redirect-uri", "http://127.0.0.1/callback")
    command(store, URL, "client", "add", "desk", *redirect)
    command(store, URL, "client", "add", "bot")
    found = load(
        {"store": f"sqlite:///{store}", "auth_server": True},
        environ={"BACKSTORY_PUBLIC_URL": URL},
    )
    stop = asyncio.Event()

    async def hold(running):
        async with open_app(found) as opened:
            running.set_result(opened.app)
            await stop.wait()

    async def start():
        running = asyncio.get_running_loop().create_future()
        holding = asyncio.create_task(hold(running))
        return await running, holding

    async def end(holding):
        stop.set()
        await holding

    with asyncio.Runner() as runner:
        served, holding = runner.run(start())
        yield served, runner
        runner.run(end(holding))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests())
def test_no_request_makes_it_fail(app, request_):
    served, runner = app
    method, path, query, body, headers = request_

    async def ask():
        transport = httpx.ASGITransport(app=_with_query(served, query))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await client.request(method, path, content=body, headers=headers)

    answer = runner.run(ask())
    assert answer.status_code < 500
    if path != "/authorize" and answer.status_code == 400:
        assert answer.json()["error"]
    # Who has not signed in is sent with an error at most, and to a place that was registered.
    to = answer.headers.get("location", "http://127.0.0.1:9/callback?error=")
    assert to.startswith("http://127.0.0.1:9/callback?error=")


def _with_query(app, query):
    """Bytes that an HTTP client would quote come as a careless one sends them."""

    async def asked(scope, receive, send):
        await app({**scope, "query_string": query}, receive, send)

    return asked
