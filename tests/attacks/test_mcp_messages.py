"""Messages of MCP that mean to confuse: eras, ids, batches, `_meta`, and sessions of others."""

import json
import threading
import uuid

import pytest

from attacking import HOST
from mcp_serving import JSON_AND_EVENTS, MODERN, OLDER
from serving import until
from token_issuer import bearer

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def post(caller, message, **headers):
    sent = {"accept": JSON_AND_EVENTS, "content-type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = message if isinstance(message, bytes) else json.dumps(message)
    return caller.rest("POST", "/mcp", content=body, headers=sent)


def begin(caller, **more):
    params = {
        "protocolVersion": OLDER,
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    } | more
    answer = post(caller, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    assert answer.status_code == 200, answer.text
    return {"mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": OLDER}


def in_session(caller, session, method, params=None, **more):
    message = {"jsonrpc": "2.0", "id": 2, "method": method, "params": params or {}} | more
    return post(caller, message, **{name.replace("-", "_"): v for name, v in session.items()})


# -- sessions of others ----------------------------------------------------------------------


@pytest.fixture(params=["a stranger", "another tenant"])
def thief(attacked, request):
    if request.param == "a stranger":
        return attacked.attacker("eve")
    return attacked.attacker("ada", tenant="other")


def test_a_session_of_somebody_else_is_none(attacked, thief):
    ada = attacked.victim()
    session = begin(ada)
    assert in_session(ada, session, "ping").status_code == 200
    for method in ("ping", "tools/list", "resources/list", "notifications/cancelled"):
        assert in_session(thief, session, method).status_code == 404
    listening = {"accept": "text/event-stream"} | session
    assert thief.rest("GET", "/mcp", headers=listening).status_code == 404
    assert thief.rest("DELETE", "/mcp", headers=session).status_code == 404
    assert in_session(ada, session, "ping").status_code == 200  # it was not ended


def test_an_answer_to_somebody_elses_question_is_refused(attacked, thief):
    session = begin(attacked.victim())
    answer = {"jsonrpc": "2.0", "id": "1", "result": {"action": "accept", "content": {}}}
    stolen = post(thief, answer, mcp_session_id=session["mcp-session-id"])
    assert stolen.status_code == 404


@pytest.mark.parametrize(
    "change", ["flipped", "cut", "empty", "long", "unicode", "a uuid", "spaces"]
)
def test_session_ids_cannot_be_made_or_altered(attacked, change):
    ada = attacked.victim()
    good = begin(ada)["mcp-session-id"]
    bad = {
        "flipped": ("A" if good[3] != "A" else "B").join((good[:3], good[4:])),
        "cut": good[:-3],
        "empty": "",
        "long": "A" * 4000,
        "unicode": "\u00e9" * 30,
        "a uuid": str(uuid.uuid4()),
        "spaces": f"{good[:5]} {good[5:]}",
    }[change]
    sent = {"mcp-session-id": bad.encode("latin-1"), "mcp-protocol-version": OLDER}
    answer = ada.rest(
        "POST",
        "/mcp",
        json={"jsonrpc": "2.0", "id": 2, "method": "ping"},
        headers={"accept": JSON_AND_EVENTS} | sent,
    )
    assert answer.status_code in (400, 404), answer.text


def test_a_session_that_was_ended_is_over_on_every_node(attacked):
    ada, elsewhere = attacked.victim(), attacked.attacker("ada")
    session = begin(ada)
    assert ada.rest("DELETE", "/mcp", headers=session).status_code in (200, 202, 204)
    assert in_session(elsewhere, session, "ping").status_code == 404
    assert in_session(ada, session, "ping").status_code == 404


def test_nobody_hears_of_what_they_may_not_read(attacked, thief):
    """A stream of events, with a subscription to what is somebody else's, on another node."""
    ada = attacked.victim()
    secret = ada.make(f"users.ada/heard-{uuid.uuid4().hex[:6]}")
    uri = f"context://{secret}"
    session = begin(thief)
    refused = in_session(thief, session, "resources/subscribe", {"uri": uri})
    assert thief.subject == "ada" or "error" in refused.json()  # to her namesake it is an own name
    heard, ready, stop = [], threading.Event(), threading.Event()
    own = thief.make(f"users.{thief.subject}/own-{uuid.uuid4().hex[:6]}")
    in_session(thief, session, "resources/subscribe", {"uri": f"context://{own}"})

    def listen():
        sent = {"accept": "text/event-stream", "host": HOST} | session | bearer(thief.token)
        with thief.http.stream("GET", "/mcp", headers=sent, timeout=60) as answer:
            ready.set()
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    heard.append(line)
                if stop.is_set() or own.rpartition("/")[2] in line:
                    return

    listening = threading.Thread(target=listen)
    listening.start()
    assert ready.wait(60)
    ada.rest("PUT", f"/v1/contexts/{secret}", json={"kind": "session", "state": {"a": 1}})
    thief.rest("PUT", f"/v1/contexts/{own}", json={"kind": "session", "state": {"a": 1}})
    until(lambda: not listening.is_alive(), "the thief's own event")
    assert not [line for line in heard if secret in line]


# -- messages ------------------------------------------------------------------------------------

ODD = {
    "a batch": [{"jsonrpc": "2.0", "id": 1, "method": "ping"}] * 3,
    "an empty batch": [],
    "a huge batch": [{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}] * 5_000,
    "a batch that begins": [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}],
    "no version": {"id": 1, "method": "ping"},
    "version 1": {"jsonrpc": "1.0", "id": 1, "method": "ping"},
    "a number as version": {"jsonrpc": 2.0, "id": 1, "method": "ping"},
    "an id that is null": {"jsonrpc": "2.0", "id": None, "method": "ping"},
    "an id that is an object": {"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"},
    "an id that is a list": {"jsonrpc": "2.0", "id": [1], "method": "ping"},
    "an id that is a fraction": {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
    "a method that is a number": {"jsonrpc": "2.0", "id": 1, "method": 7},
    "a method that is not there": {"jsonrpc": "2.0", "id": 1, "method": "admin/shutdown"},
    "a dunder as a method": {"jsonrpc": "2.0", "id": 1, "method": "__init__"},
    "a method that is long": {"jsonrpc": "2.0", "id": 1, "method": "x" * 100_000},
    "a method in capitals": {"jsonrpc": "2.0", "id": 1, "method": "TOOLS/LIST"},
    "params that are a list": {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": [1]},
    "params that are text": {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": "x"},
    "a result and a method": {"jsonrpc": "2.0", "id": 1, "method": "ping", "result": {}},
    "_meta that is a list": {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": []}},
    "_meta of another version": {
        "jsonrpc": "2.0", "id": 1, "method": "tools/list",
        "params": {"_meta": META | {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}},
    },
    "_meta that says who calls": {
        "jsonrpc": "2.0", "id": 1, "method": "tools/list",
        "params": {"_meta": META | {"principal": "boss", "tenant": "other", "roles": ["admin"]}},
    },
    "a tool that is not there": {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_everything", "arguments": {}, "_meta": META},
    },
    "a tool whose name is an object": {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": {}, "arguments": {}, "_meta": META},
    },
    "a resource of a file": {
        "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "file:///etc/passwd", "_meta": META},
    },
    "a resource of a site": {
        "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "http://169.254.169.254/latest", "_meta": META},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("version", [MODERN, OLDER, None, "2099-01-01", "../../x"])
def test_odd_messages_are_answered_within_bounds(attacked, name, version):
    eve, message = attacked.attacker(), ODD[name]
    headers = {} if version is None else {"mcp_protocol_version": version}
    method = message.get("method") if isinstance(message, dict) else None
    if isinstance(method, str) and len(method) < 100 and version == MODERN:
        headers["mcp_method"] = method
    answer = post(eve, message, **headers)
    assert 200 <= answer.status_code < 500, answer.text
    assert len(answer.content) < 30_000
    assert "root:" not in answer.text
    assert "Traceback" not in answer.text
    if answer.status_code == 200 and "tools" not in answer.text:
        assert "error" in answer.json()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("mcp_method", "tools/list"),
        ("mcp_method", "ping"),
        ("mcp_name", "read_context"),
        ("mcp_name", ""),
        ("mcp_protocol_version", OLDER),
    ],
)
def test_a_head_that_says_something_else_than_the_body_is_refused(attacked, header, value):
    """Else what stands before the server could be made to let through what it means to stop."""
    ada = attacked.victim()
    name = ada.make(f"users.ada/kept-{uuid.uuid4().hex[:6]}")
    arguments = {"context": name}
    params = {"name": "delete_context", "arguments": arguments, "_meta": META}
    sent = {
        "mcp_protocol_version": MODERN,
        "mcp_method": "tools/call",
        "mcp_name": "delete_context",
    } | {header: value}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    assert post(ada, message, **sent).status_code == 400
    assert ada.rest("GET", f"/v1/contexts/{name}").status_code == 200


def test_two_heads_that_say_different_things_are_refused(attacked):
    ada = attacked.victim()
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    for name, values in (
        ("mcp-protocol-version", (MODERN, OLDER)),
        ("mcp-method", ("tools/list", "tools/call")),
        ("mcp-session-id", ("a", "b")),
    ):
        headers = [
            ("accept", JSON_AND_EVENTS),
            ("content-type", "application/json"),
            ("authorization", f"Bearer {ada.token}"),
            ("host", HOST),
        ]
        if name == "mcp-method":
            headers.append(("mcp-protocol-version", MODERN))
        headers += [(name, value) for value in values]
        answer = ada.http.post("/mcp", content=json.dumps(message), headers=headers)
        assert answer.status_code == 400, (name, answer.text)


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])  # fmt: skip
def test_what_a_page_may_send_without_being_asked_about_is_no_message(attacked, media):
    """A form of a page elsewhere needs no preflight; it must not call a tool."""
    ada = attacked.victim()
    name = f"users.ada/forged-{uuid.uuid4().hex[:6]}"
    params = {
        "name": "write_context",
        "arguments": {"context": name, "kind": "session", "state": {}},
        "_meta": META,
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    sent = {"mcp_protocol_version": MODERN, "mcp_method": "tools/call", "mcp_name": "write_context"}
    assert post(ada, message, content_type=media, **sent).status_code in (400, 415)
    assert ada.rest("GET", f"/v1/contexts/{name}").status_code == 404
