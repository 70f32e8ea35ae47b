"""JSON that readers take for different things, or that costs more to read than to send."""

import json

import pytest

from attacking import MERGE

DEEP = 5_000
BODIES = {
    "a member twice": b'{"kind":"session","state":{"a":1},"state":{"a":2}}',
    "a member twice, inside": b'{"kind":"session","state":{"a":1,"a":2}}',
    "a member twice, one escaped": b'{"kind":"session","state":{"a":1,"\\u0061":2}}',
    "NaN": b'{"kind":"session","state":{"a":NaN}}',
    "Infinity": b'{"kind":"session","state":{"a":-Infinity}}',
    "a number too large": b'{"kind":"session","state":{"a":1e400}}',
    "an integer of many digits": b'{"kind":"session","state":{"a":' + b"9" * 50_000 + b"}}",
    "an integer beyond 64 bits": b'{"kind":"session","state":{"a":18446744073709551616}}',
    "a leading zero": b'{"kind":"session","state":{"a":01}}',
    "a plus sign": b'{"kind":"session","state":{"a":+1}}',
    "a hexadecimal number": b'{"kind":"session","state":{"a":0x10}}',
    "half a surrogate": b'{"kind":"session","state":{"a":"\\ud800"}}',
    "surrogates the wrong way round": b'{"kind":"session","state":{"a":"\\udc00\\ud800"}}',
    "half a surrogate as a name": b'{"kind":"session","state":{"\\udfff":1}}',
    "not UTF-8": b'{"kind":"session","state":{"a":"\xff"}}',
    "an overlong form": b'{"kind":"session","state":{"a":"\xc0\xae"}}',
    "a coded surrogate": b'{"kind":"session","state":{"a":"\xed\xa0\x80"}}',
    "a byte order mark": b'\xef\xbb\xbf{"kind":"session","state":{}}',
    "UTF-16": '{"kind":"session","state":{}}'.encode("utf-16"),
    "a raw NUL": b'{"kind":"session","state":{"a":"\x00"}}',
    "a raw line end": b'{"kind":"session","state":{"a":"\n"}}',
    "a comment": b'{"kind":"session",/* x */"state":{}}',
    "a trailing comma": b'{"kind":"session","state":{},}',
    "single quotes": b"{'kind':'session'}",
    "two values": b'{"kind":"session","state":{}}{"kind":"session"}',
    "something behind": b'{"kind":"session","state":{}}\x00',
    "nothing": b"",
    "only spaces": b" " * 1000,
    "cut off": b'{"kind":"session","state":{"a":"',
    "deep lists": b'{"kind":"session","state":{"a":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and never closed": b"[" * 100_000,
    "many values": b'{"kind":"session","state":{"a":[' + b"0," * 1_200_000 + b"0]}}",
    "many members": b'{"kind":"session","state":{'
    + b",".join(b'"%d":0' % number for number in range(60_000))
    + b"}}",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"session"',
}


@pytest.mark.parametrize("name", BODIES)
def test_json_that_could_be_read_in_two_ways_is_refused(attacked, name):
    eve = attacked.attacker()
    sent = {"content-type": "application/json"}
    path = "/v1/contexts/users.eve/json"
    answer = eve.rest("PUT", path, content=BODIES[name], headers=sent)
    assert answer.status_code in (400, 413, 422), answer.text
    assert len(answer.content) < 3000
    assert eve.rest("GET", path).status_code == 404


@pytest.mark.parametrize("name", [name for name in BODIES if name != "many members"])
def test_over_mcp_neither(attacked, name):
    """The same as arguments of a tool, and as a whole message."""
    eve = attacked.attacker()
    state = BODIES[name]
    call = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_context",'
        b'"arguments":{"context":"users.eve/json","kind":"session","state":' + state + b"}}}"
    )
    for body in (call, state):
        for version in ("2026-07-28", "2025-11-25"):
            headers = {
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": version,
                "mcp-method": "tools/call",
                "mcp-name": "write_context",
            }
            answer = eve.rest("POST", "/mcp", content=body, headers=headers)
            assert answer.status_code in (400, 404, 413), answer.text
    assert eve.rest("GET", "/v1/contexts/users.eve/json").status_code == 404


PATCHES = {
    "doubling": [{"op": "copy", "from": "", "path": f"/a{n}"} for n in range(64)],
    "doubling a list": [{"op": "add", "path": "/l", "value": ["x" * 1000]}]
    + [{"op": "copy", "from": "/l", "path": "/l/-"} for _ in range(60)],
    "into itself": [{"op": "move", "from": "/a", "path": "/a/b"}],
    "deeper and deeper": [{"op": "add", "path": "/a" * n, "value": {}} for n in range(1, 200)],
    "a long pointer": [{"op": "add", "path": "/a" * 500_000, "value": 1}],
    "far behind the end": [{"op": "add", "path": "/l", "value": []}, {"op": "add", "path": "/l/4294967296", "value": 1}],
    "a negative index": [{"op": "add", "path": "/l", "value": [1]}, {"op": "remove", "path": "/l/-1"}],
    "an index with a zero": [{"op": "add", "path": "/l", "value": [1, 2]}, {"op": "remove", "path": "/l/01"}],
    "an index in other digits": [{"op": "add", "path": "/l", "value": [1, 2]}, {"op": "remove", "path": "/l/\u0661"}],
    "too many": [{"op": "test", "path": "", "value": {}}] * 10_001,
    "a dunder": [{"op": "replace", "path": "/__class__/__init__", "value": 1}],
    "a bad escape": [{"op": "add", "path": "/~2", "value": 1}],
}  # fmt: skip


@pytest.mark.parametrize("name", PATCHES)
def test_patches_do_not_grow_beyond_what_they_bring(attacked, name):
    eve = attacked.attacker()
    eve.make("users.eve/patched", state={"a": {"b": "c" * 1000}})
    sent = {"content-type": "application/json-patch+json"}
    path = "/v1/contexts/users.eve/patched"
    answer = eve.rest("PATCH", path, content=json.dumps(PATCHES[name]), headers=sent)
    assert answer.status_code in (400, 409, 413, 422), answer.text
    wrong, _ = eve.tool("patch_context", context="users.eve/patched", ops=PATCHES[name])
    assert wrong
    assert eve.rest("GET", path).json()["state"] == {"a": {"b": "c" * 1000}}


def test_a_prototype_is_only_a_name(attacked):
    eve = attacked.attacker()
    eve.make("users.eve/names")
    polluted = '{"__proto__": {"admin": true}, "constructor": {"prototype": {}}, "__class__": 1}'
    path = "/v1/contexts/users.eve/names"
    assert eve.rest("PATCH", path, content=polluted, headers=MERGE).status_code == 200
    assert eve.rest("GET", path).json()["state"] == json.loads(polluted)
    assert eve.rest("GET", "/v1/whoami").json()["roles"] == ["member"]


@pytest.mark.parametrize(
    "label", ["a\tb", "\x1b[31m", "a\u200bb", "a\u2028b", "\u202ereversed", ""]
)
def test_a_label_that_no_list_could_ask_for_is_refused_wherever_it_comes_in(attacked, label):
    eve = attacked.attacker()
    path = eve.make("users.eve/labelled", labels=["plain"])
    labelled = [[label], {label: "x"}] + ([{"x": label}] if label else [])
    for labels in labelled:
        body = {"kind": "session", "state": {}, "labels": labels}
        answer = eve.rest("PUT", f"/v1/contexts/{path}", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/labels")
        wrong, told = eve.tool("write_context", context=path, state={}, labels=labels)
        assert (wrong, told["code"]) == (True, "schema_violation")
    assert eve.rest("GET", "/v1/contexts", params={"label": label}).status_code == 400
    assert eve.tool("list_contexts", label=label)[0]
    assert eve.tool("search_contexts", query="x", label=label)[0]
    assert eve.rest("GET", f"/v1/contexts/{path}").json()["labels"] == ["plain"]
