"""What every request passes first, whatever it is for."""

import logging

import httpx
import pytest
from starlette.responses import PlainTextResponse

from backstory import limits
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import (
    BusyError,
    ConfigError,
    ConnectionsFullError,
    HeadTooLargeError,
    QuotaContextsError,
    RateLimitedError,
    RequestTimeoutError,
    StoreUnavailableError,
    TooLargeError,
    WatchesFullError,
)
from backstory.transports.edge.body import ClientGoneError
from backstory.transports.edge.guard import PRINCIPAL, REQUEST, Guard
from backstory.transports.edge.local_mode import LocalMode

TOKEN = "t" * 43


async def echo(scope, receive, send):
    text = f"{scope[PRINCIPAL].subject} {len(scope[REQUEST].trace_id)}"
    await PlainTextResponse(text)(scope, receive, send)


def failing(error):
    async def app(scope, receive, send):
        raise error

    return app


async def ask(app, method="GET", path="/", **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, headers=sent)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost:8765"},
        {"host": "LOCALHOST"},
        {"host": "127.0.0.1:1"},
        {"host": "[::1]:8765"},
        {"origin": "http://localhost:3000"},
        {"origin": "https://[::1]"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_this_machine_is_the_local_administrator(headers):
    answer = await ask(Guard(echo, LocalMode()), **headers)
    assert (answer.status_code, answer.text) == (200, f"{LOCAL_ADMIN.subject} 32")


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "example.com"},
        {"host": "localhost.example.com"},
        {"host": "127.0.0.1.nip.io"},
        {"host": "127.0.0.2"},
        {"host": "localhost:80@evil"},
        {"host": "[::2]"},
        {"origin": "null"},
        {"origin": "https://example.com"},
        {"origin": "http://localhost.example.com"},
        {"origin": "file://localhost"},
        {"origin": "http://localhost@example.com"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "Cross-Site"},
        {"forwarded": "for=10.0.0.1"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-host": "localhost"},
        {"x-forwarded-anything": "1"},
        {"via": "1.1 proxy"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/mcp", "/livez"])
async def test_whatever_may_come_from_elsewhere_is_forbidden(headers, path):
    answer = await ask(Guard(echo, LocalMode()), path=path, **headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "forbidden"


async def send_raw(app, headers, method="GET"):
    """Headers as they are, which an HTTP client would refuse to send."""
    sent = []
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": headers,
    }

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("headers", [[], [(b"host", b"localhost"), (b"host", b"localhost")]])
async def test_a_request_has_one_host(headers):
    sent = await send_raw(Guard(echo, LocalMode()), headers)
    assert sent[0]["status"] == 400


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer \xff{TOKEN}", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
    ],
)
async def test_the_local_token_is_asked_for_where_there_is_one(authorization, status):
    headers = [(b"host", b"localhost")]
    if authorization is not None:
        headers.append((b"authorization", authorization.encode("latin-1")))
    sent = await send_raw(Guard(echo, LocalMode(TOKEN)), headers)
    assert sent[0]["status"] == status
    challenge = dict(sent[0]["headers"]).get(b"www-authenticate")
    assert (challenge is None) == (status == 200)
    if authorization:
        assert challenge is None or b"invalid_token" in challenge


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs", "/docs/start.js", "/openapi.json"])
async def test_what_tells_nothing_of_what_is_stored_needs_no_token(path):
    assert (await ask(Guard(echo, LocalMode(TOKEN)), path=path)).status_code == 200


async def test_every_answer_has_the_headers_that_browsers_need():
    for answer in (
        await ask(Guard(echo, LocalMode())),
        await ask(Guard(echo, LocalMode()), host="example.com"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_head_is_answered_without_a_body():
    answer = await ask(Guard(echo, LocalMode()), "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "8"


async def test_a_head_of_the_request_over_its_bound_is_refused():
    answer = await ask(Guard(echo, LocalMode()), x_large="x" * limits.HEADER_BYTES)
    assert (answer.status_code, answer.json()["limit"]) == (431, "HEADER_BYTES")
    answer = await ask(Guard(echo, LocalMode()), path="/" + "x" * limits.HEADER_BYTES)
    assert answer.status_code == 431


async def test_an_error_of_the_tree_becomes_a_problem_document():
    error = BusyError("too many", limit="WATCHERS")
    answer = await ask(Guard(failing(error), LocalMode()))
    problem = answer.json()
    assert answer.status_code == problem["status"] == 503
    assert problem["type"] == "urn:backstory:error:busy"
    assert (problem["code"], problem["title"], problem["detail"]) == ("busy", "Busy", "too many")
    assert len(problem["trace_id"]) == 32
    assert problem["limit"] == "WATCHERS"
    assert answer.headers["retry-after"] == str(problem["retry_after"])


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (RateLimitedError("too often"), True),
        (WatchesFullError("too many"), True),
        (ConnectionsFullError("too many"), True),
        (BusyError("too much"), True),
        (RequestTimeoutError("too slow"), True),
        (QuotaContextsError("too many", retry_after=9), True),
        (TooLargeError("too large"), False),
        (HeadTooLargeError("too large"), False),
    ],
    ids=lambda value: getattr(value, "code", None),
)
async def test_each_limit_has_its_own_code_and_says_when_to_come_again_where_that_helps(
    error, waits
):
    answer = await ask(Guard(failing(error), LocalMode()))
    assert (answer.status_code, answer.json()["code"]) == (error.status, error.code)
    assert ("retry-after" in answer.headers) is waits
    assert ("retry_after" in answer.json()) is waits


async def test_the_time_to_retry_is_the_one_the_error_knows():
    answer = await ask(Guard(failing(StoreUnavailableError("x", retry_after=7)), LocalMode()))
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("error", [RuntimeError("secret path /etc"), ConfigError("secret path")])
async def test_what_nobody_foresaw_is_logged_and_tells_nothing(error, caplog):
    with caplog.at_level(logging.ERROR):
        answer = await ask(Guard(failing(error), LocalMode()))
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text
    (record,) = caplog.records
    assert answer.json()["trace_id"] in record.getMessage()
    assert record.exc_info[1] is error


async def test_a_failure_after_the_answer_began_cuts_it_off(caplog):
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("late")

    with pytest.raises(RuntimeError):
        await send_raw(Guard(half, LocalMode()), [(b"host", b"localhost")])


async def test_nobody_is_answered_once_the_client_is_gone():
    app = Guard(failing(ClientGoneError()), LocalMode())
    assert await send_raw(app, [(b"host", b"localhost")]) == []


async def test_web_sockets_are_closed():
    sent = []

    async def send(message):
        sent.append(message)

    await Guard(echo, LocalMode())({"type": "websocket", "headers": []}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
