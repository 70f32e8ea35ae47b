"""Whatever is sent, over MCP and as plain bytes: an answer within bounds, and a server that goes on.

`make attack` sends more of it. REST is fuzzed by its own document in test_schemathesis.
"""

import json
import os
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attacking import HOST, next_answer
from backstory import limits
from backstory.transports.mcp.tools import TABLE
from mcp_serving import JSON_AND_EVENTS, MODERN, OLDER
from token_issuer import bearer

DEEPER = int(os.environ.get("BACKSTORY_TEST_FUZZ_EXAMPLES", "0"))
fuzzing = settings(
    max_examples=DEEPER or 13,  # at each of one node and two
    deadline=None,
    derandomize=not DEEPER,
    suppress_health_check=list(HealthCheck),
)
METHODS = [
    "initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read",
    "resources/templates/list", "resources/subscribe", "resources/unsubscribe", "prompts/list",
    "prompts/get", "completion/complete", "logging/setLevel", "server/discover",
    "notifications/initialized", "notifications/cancelled", "notifications/progress",
]  # fmt: skip
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
texts = st.text(max_size=20) | st.sampled_from(
    ["users.eve/x", "context://users.eve/x", "users.ada/x", "..", "\0", "_meta", "session", "*"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
contexts = st.sampled_from(["users.eve/x", "users.eve/y", "users.ada/x", "_system.kinds/x", "x"])
entries = st.lists(
    st.fixed_dictionaries({"role": texts | st.just("user"), "content": texts | values}), max_size=3
)
PLAUSIBLE = {
    "context": contexts,
    "to": contexts,
    "kind": st.sampled_from(["session", "conversation", "prompt", "nothing"]),
    "part": st.sampled_from(["state", "entries", "content"]),
    "state": st.dictionaries(texts, values, max_size=3),
    "merge": st.dictionaries(texts, values, max_size=3),
    "entries": entries | st.integers(-1, 5),
    "ops": st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]), "path": texts | st.just("/a/b")},
            optional={"value": values, "from": texts | st.just("/a")},
        ),
        max_size=4,
    ),
    "operations": st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["put", "patch", "append", "delete", "x"]), "context": contexts},
            optional={"kind": texts, "state": values, "merge": values, "entries": entries},
        ),
        max_size=3,
    ),
    "sources": st.lists(st.fixed_dictionaries({"context": contexts}, optional={"entries": texts, "query": texts}), max_size=2),
    "model": st.sampled_from(["gpt-5", "claude-opus-4", "nobody"]),
    "at": st.integers(-1, 9),
    "since": st.integers(-1, 9),
    "limit": st.integers(-1, 2000),
    "budget": st.integers(-1, 10_000),
    "query": texts,
    "namespace": texts | st.sampled_from(["users.eve", "users.*", "*"]),
    "path": texts | st.sampled_from(["/a/b/0", "/a/b/-", "/a/b/01", "/a/~2", ""]),
}  # fmt: skip


def arguments_of(schema):
    """Those that a tool's schema names, most of them as they might be meant."""
    found = {name: PLAUSIBLE.get(name, values) | values for name in schema["properties"]}
    needed = {name: found.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=found)


names = st.sampled_from(METHODS) | texts
messages = values | st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | values, "method": names | values},
    optional={
        "id": st.integers(0, 9) | values,
        "params": st.dictionaries(
            st.sampled_from(["name", "arguments", "uri", "_meta", "ref", "argument", "level"]),
            values | st.just(META),
            max_size=4,
        )
        | values,
    },
)


@pytest.fixture(scope="module", params=["one", "two"])
def eve(request):
    """Of two nodes, the second one is asked."""
    target = request.getfixturevalue("one_node" if request.param == "one" else "two_nodes")
    found = target.attacker()
    found.make("users.eve/x", "conversation", {"a": {"b": [1, 2]}})
    found.say("users.eve/x", "hello", "world")
    yield found
    target.still_serves()
    assert "Traceback" not in target.log()


def post(eve, message, headers):
    sent = {"accept": JSON_AND_EVENTS, "content-type": "application/json"} | headers
    return eve.http.post(
        "/mcp", content=json.dumps(message), headers=bearer(eve.token) | {"host": HOST} | sent
    )


def check(answer):
    assert answer.status_code < 500, answer.text
    assert len(answer.content) < 2 * limits.MODEL_ANSWER_BYTES + 8192
    assert "Traceback" not in answer.text
    assert '"internal"' not in answer.text
    assert '\\"internal\\"' not in answer.text
    assert '"code":-32603' not in answer.text.replace(" ", "")


@fuzzing
@given(messages, st.sampled_from([None, MODERN, OLDER, "2025-06-18", "nonsense"]))
def test_any_message_is_answered_within_bounds(eve, message, version):
    headers = {} if version is None else {"mcp-protocol-version": version}
    method = message.get("method") if isinstance(message, dict) else None
    if isinstance(method, str) and method in METHODS:
        headers["mcp-method"] = method
    check(post(eve, message, headers))


@pytest.mark.parametrize("tool", sorted(TABLE))
def test_any_arguments_of_a_tool_are_answered_within_bounds(eve, tool):
    """Those that its schema allows, and others."""
    (schema,) = [
        one["inputSchema"]
        for one in eve.mcp("tools/list").json()["result"]["tools"]
        if one["name"] == tool
    ]

    @fuzzing
    @given(arguments_of(schema) | st.dictionaries(texts, values))
    def fuzzed(arguments):
        arguments.pop("wait", None)  # which would only take time
        params = {"name": tool, "arguments": arguments, "_meta": META}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": tool}
        answer = post(eve, message, headers)
        check(answer)
        if answer.status_code == 200:
            assert "store_error" not in answer.text

    fuzzed()


lines = st.binary(max_size=60) | st.sampled_from(
    [b"Host: context.example.com", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"", b" x",
     b"Connection: close", b"Expect: 100-continue", b"Upgrade: websocket", b"Range: bytes=0-"]
)  # fmt: skip
starts = st.binary(max_size=40) | st.sampled_from(
    [b"GET / HTTP/1.1", b"POST /mcp HTTP/1.1", b"PUT /v1/contexts/users.eve/x HTTP/1.1",
     b"GET /v1/whoami HTTP/1.0", b"CONNECT 127.0.0.1:22 HTTP/1.1", b"GET http://[::1 HTTP/1.1", b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01", b"GET  / HTTP/9.9"]
)  # fmt: skip


@fuzzing
@given(starts, st.lists(lines, max_size=6), st.binary(max_size=80))
def test_any_bytes_end_in_an_answer_or_the_end_of_the_connection(eve, start, heads, body):
    token = b"Authorization: Bearer " + eve.token.encode()
    with eve.target.connect() as one, one.makefile("rb") as file:
        one.sendall(b"\r\n".join([start, token, *heads, b"", body]))
        one.shutdown(socket.SHUT_WR)
        while (found := next_answer(file)) is not None:
            status, headers, _ = found
            assert status < 500, found
            if headers.get("connection") == "close":
                break
