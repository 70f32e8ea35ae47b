"""Much, long and many small: an answer within bounds, and others are served meanwhile."""

import gzip
import json
import zlib

import pytest

from attacking import read_answer
from backstory import limits

HOST = b"Host: context.example.com\r\n"
JSON = {"content-type": "application/json"}


def head(attacked, start):
    return start + HOST + b"Authorization: Bearer " + attacked.attacker().token.encode() + b"\r\n"


HEADS = {
    "a long path": lambda h: b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long query": lambda h: b"GET /v1/contexts?" + b"a=b&" * 30_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long header": lambda h: h + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    "a long name": lambda h: h + b"X" * 100_000 + b": x\r\n\r\n",
    "many headers": lambda h: h + b"X: y\r\n" * 20_000 + b"\r\n",
    "a long method": lambda h: b"G" * 100_000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "many cookies": lambda h: h + b"Cookie: a=b\r\n" * 10_000 + b"\r\n",
    "a long token": lambda h: b"GET /v1/whoami HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + b"x" * 100_000 + b"\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_head_without_measure_is_refused(attacked, name):
    sent = HEADS[name](head(attacked, b"GET /v1/whoami HTTP/1.1\r\n"))
    with attacked.connect() as one:
        try:
            one.sendall(sent)
            found = read_answer(one)
        except ConnectionError:  # cut off in the middle of it, which is an answer as well
            found = None
    assert found is None or found[0] in (400, 401, 404, 414, 431), found


def test_a_body_in_a_million_small_pieces_is_one_body(attacked):
    """Chunks of a byte each cost more to read than to send; they have the same bound."""
    start = head(attacked, b"PUT /v1/contexts/users.eve/pieces HTTP/1.1\r\n")
    start += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = json.dumps({"kind": "session", "state": {"t": "x" * 50_000}}).encode()
    with attacked.connect() as one:
        one.sendall(start + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        status, _, _ = read_answer(one)
    assert status in (200, 201)
    extension = b";" + b"x" * 200_000
    with attacked.connect() as one:
        try:
            one.sendall(start + b"1" + extension + b"\r\nx\r\n0\r\n\r\n")
            found = read_answer(one)
        except ConnectionError:
            found = None
    assert found is None or found[0] in (400, 413, 422)


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(b" " * 64 * limits.MIB, 9)),
        ("gzip, gzip", gzip.compress(gzip.compress(b" " * 64 * limits.MIB, 9))),
        ("deflate", zlib.compress(b" " * 64 * limits.MIB, 9)),
        ("gzip", gzip.compress(b"{}") * 1000),
        ("br, gzip, zstd, gzip, br, gzip", b"x"),
    ],
)
def test_what_grows_when_it_is_decoded_is_refused(attacked, coding, coded):
    eve = attacked.attacker()
    headers = JSON | {"content-encoding": coding}
    for method, path in (
        ("PUT", "/v1/contexts/users.eve/bomb"),
        ("POST", "/v1/search"),
        ("POST", "/mcp"),
    ):
        answer = eve.rest(method, path, content=coded, headers=headers)
        assert answer.status_code in (400, 406, 413, 415), answer.text


def test_many_requests_in_a_row_are_answered_in_turn(attacked):
    """A thousand on one connection, sent at once and never read meanwhile."""
    one_request = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
    with attacked.connect() as one:
        one.sendall(one_request * 1000)
        attacked.still_serves()
        with one.makefile("rb") as file:
            for _ in range(1000):
                assert file.readline().split()[1] == b"200"
                length = 0
                while line := file.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                file.read(length)


@pytest.mark.parametrize("limit", ["1001", "99999999999999999999", "-1", "0", "1e3", "٣", "1_000", " 5", "0x10", ""])  # fmt: skip
def test_nobody_asks_for_more_than_a_page(attacked, limit):
    eve = attacked.attacker()
    for path in ("/v1/contexts", "/v1/changes", "/v1/roles"):
        assert eve.rest("GET", path, params={"limit": limit}).status_code in (400, 403, 404)
    wrong, _ = eve.tool("list_contexts", limit=10**9)
    assert wrong


def test_so_many_entries_operations_sources_and_labels_and_no_more(attacked):
    eve = attacked.attacker()
    eve.make("users.eve/many", "conversation")
    entry = {"role": "user", "content": "x"}
    operation = {"op": "append", "context": "users.eve/many", "entries": [entry]}
    for method, path, body in (
        ("POST", "/v1/contexts/users.eve/many/entries", {"entries": [entry] * 1001}),
        ("POST", "/v1/commits", {"operations": [operation] * 101}),
        ("POST", "/v1/commits", {"operations": [operation | {"entries": [entry] * 501}] * 2}),
        ("POST", "/v1/render", {"sources": [{"context": f"users.eve/m{n}"} for n in range(17)], "model": "gpt-5", "budget": 100}),
        ("PUT", "/v1/contexts/users.eve/many", {"kind": "conversation", "state": {}, "labels": [f"l{n}" for n in range(65)]}),
        ("PUT", "/v1/contexts/users.eve/many", {"kind": "conversation", "state": {"t": "x" * limits.STATE_BYTES}}),
        ("POST", "/v1/contexts/users.eve/many/entries", {"entries": [entry | {"content": "x" * limits.ENTRY_BYTES}]}),
        ("POST", "/v1/search", {"query": "x " * 600}),
    ):  # fmt: skip
        answer = eve.rest(method, path, json=body)
        assert answer.status_code in (413, 422), (path, answer.text)
    assert eve.rest("GET", "/v1/contexts/users.eve/many").json()["entry_count"] == 0
