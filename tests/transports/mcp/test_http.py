"""What stands before the SDK: bodies, versions, methods, and what a failure tells."""

import httpx
import pytest

from backstory import limits
from backstory.domain.principals import LOCAL_ADMIN
from backstory.transports.mcp.http import mcp_app
from mcp_serving import (
    JSON_AND_EVENTS,
    MODERN,
    OLDER,
    create,
    guarded,
    modern,
    raw,
    served,
    serving,
)


@pytest.fixture
async def endpoint(contexts):
    async with serving(contexts) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        yield http


async def test_discovery_says_what_is_there(endpoint):
    result = (await endpoint.post("", **modern("server/discover"))).json()["result"]
    assert result["supportedVersions"] == [MODERN]
    assert result["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
    assert result["capabilities"]["prompts"] == {"listChanged": True}
    assert result["capabilities"]["tools"] == {"listChanged": False}
    assert "completions" in result["capabilities"]
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "backstory"


@pytest.mark.parametrize("method", [["tools/call"], {"tools/call": 1}, 7, None])
@pytest.mark.parametrize("version", [MODERN, OLDER])
async def test_a_method_that_is_no_text_is_an_invalid_request(endpoint, method, version):
    request = modern(method)
    request["headers"] |= {"mcp-method": "tools/call", "mcp-protocol-version": version}
    if version == OLDER:
        request["json"]["params"] = {}
        async with raw(str(endpoint.base_url)) as older:
            await older.begin()
            request["headers"]["mcp-session-id"] = older.session
    answer = await endpoint.post("", **request)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {-32600, -32602}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"n": NaN}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"n": 99999999999999999999}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}',
        b"[" * 500 + b"]" * 500,
        b"\xff",
    ],
)
@pytest.mark.parametrize("version", [MODERN, OLDER, None])
async def test_what_is_not_strictly_json_is_a_parse_error(endpoint, body, version):
    headers = {"accept": JSON_AND_EVENTS, "content-type": "application/json"}
    if version is not None:
        headers["mcp-protocol-version"] = version
    answer = await endpoint.post("", content=body, headers=headers)
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["id"]) == (-32700, None)


async def test_a_body_over_the_bound_is_refused(endpoint):
    headers = {"accept": JSON_AND_EVENTS, "content-type": "application/json"}
    body = b'"' + b"x" * limits.BODY_BYTES + b'"'
    answer = await endpoint.post("", content=body, headers=headers)
    assert answer.status_code == 413


async def test_white_space_around_a_routing_header_is_none_of_it(contexts):
    """RFC 9110 section 5.5; some HTTP servers leave it for the application."""
    await create(contexts)
    params = {"name": "read_context", "arguments": {"context": "users.42/chat"}}
    async with mcp_app(served(contexts)) as app:
        transport = httpx.ASGITransport(app=guarded(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            request = modern("tools/call", params, name=" read_context\t")
            answer = await http.post("/mcp", **request)
    assert answer.json()["result"]["isError"] is False


async def test_a_modern_body_without_its_header_is_a_header_mismatch(endpoint):
    request = modern("tools/list")
    del request["headers"]["mcp-protocol-version"]
    answer = await endpoint.post("", **request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
    assert answer.json()["id"] == 1


async def test_a_version_that_is_not_known_is_refused_with_those_that_are(endpoint):
    request = modern("tools/list", mcp_protocol_version="2099-01-01")
    meta = request["json"]["params"]["_meta"]
    request["json"]["params"]["_meta"] = meta | {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01"
    }
    answer = await endpoint.post("", **request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32022)
    assert answer.json()["error"]["data"] == {"supported": [MODERN], "requested": "2099-01-01"}
    for method in ("GET", "DELETE"):
        headers = {"mcp-protocol-version": "2099-01-01", "accept": "text/event-stream"}
        assert (await endpoint.request(method, "", headers=headers)).status_code == 400


async def test_2026_has_nothing_to_get_or_delete(endpoint):
    for method in ("GET", "DELETE"):
        answer = await endpoint.request(method, "", headers={"mcp-protocol-version": MODERN})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_other_methods_are_not_allowed(endpoint):
    for method in ("PUT", "PATCH"):
        answer = await endpoint.request(method, "")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, DELETE")


@pytest.mark.parametrize("method", ["initialize", "ping", "resources/subscribe", "no/such"])
async def test_what_2026_does_not_have_is_not_found(endpoint, method):
    answer = await endpoint.post("", **modern(method))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


async def test_an_unknown_tool_is_the_clients_mistake(endpoint):
    answer = await endpoint.post("", **modern("tools/call", {"name": "fly"}, name="fly"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


async def test_a_notification_is_accepted(endpoint):
    request = modern("notifications/cancelled", {"requestId": 1})
    del request["json"]["id"]
    assert (await endpoint.post("", **request)).status_code == 202


async def test_a_batch_is_refused(contexts):
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        answer = await one.http.post(url, json=[ping, ping], headers=one.headers())
        assert answer.status_code == 400


async def test_what_nobody_foresaw_tells_nothing(endpoint, contexts, monkeypatch, caplog):
    async def fail(*_args, **_kwargs):
        raise RuntimeError("the secret is 42")

    await create(contexts)
    monkeypatch.setattr(contexts.reader, "snapshot", fail)
    async with serving(contexts) as url, raw(url) as one:
        await one.begin()
        params = {"name": "read_context", "arguments": {"context": "users.42/chat"}}
        older = await one.post("tools/call", params)
    newer = await endpoint.post("", **modern("tools/call", params, name="read_context"))
    for answer in (older, newer):
        assert answer.json()["error"] == {"code": -32603, "message": "Internal server error"}
    assert "the secret is 42" in caplog.text


async def test_without_a_principal_nothing_is_answered(contexts):
    """If the edge were left out, nobody would be the administrator by accident."""
    async with mcp_app(served(contexts)) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answer = await http.post("/mcp", **modern("tools/list"))
    assert answer.json()["error"]["code"] == -32603
    assert LOCAL_ADMIN.subject not in answer.text
