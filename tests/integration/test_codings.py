"""Codings on the wire, end to end: what callers accept, what they send, and what their caches keep."""

import gzip
import json
import socket

import brotli
import httpx
import pytest

from backstory import limits, zstd
from serving import SECONDS

CODINGS = ("gzip", "br", "zstd")
DECODE = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress}
BOOK = "/v1/contexts/coding/book"
TEXT = "the same words again and again, " * 2000
MCP = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture(scope="module")
def book(server):
    with server.client() as http:
        state = {"kind": "document", "state": {"text": TEXT}}
        assert http.put(BOOK, json=state).status_code == 201
        sent = http.put(f"{BOOK}/content", content=TEXT, headers={"content-type": "text/plain"})
        assert sent.status_code == 200
    return server


@pytest.fixture
def http(book):
    """A client that says only what a test says."""
    with httpx.Client(base_url=book.url, timeout=SECONDS) as client:
        del client.headers["accept-encoding"]
        yield client


def raw(http, method, path, **headers):
    """An answer, and its bytes as they came."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with http.stream(method, path, headers=sent) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip;q=0.2, br;q=0.9", "br"),
        ("gzip, br, zstd", "zstd"),
        ("zstd;q=0, br;q=0, *", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("", None),
        ("deflate", None),
    ],
)
def test_the_coding_that_a_caller_likes_best_is_used(http, accepted, coding):
    for path in (BOOK, f"{BOOK}/content"):
        answer, body = raw(http, "GET", path, accept_encoding=accepted)
        assert answer.headers.get("content-encoding") == coding
        assert "accept-encoding" in answer.headers["vary"].lower()
        plain = DECODE[coding](body) if coding else body
        assert TEXT.encode() in plain
        if coding:
            assert len(body) < len(plain) / 10


def test_one_who_accepts_nothing_of_ours_is_told_what_there_is(http):
    answer, body = raw(http, "GET", BOOK, accept_encoding="identity;q=0, deflate")
    problem = json.loads(body)
    assert (answer.status_code, problem["code"]) == (406, "not_acceptable")
    assert "zstd, br, gzip" in problem["detail"]


@pytest.mark.parametrize("coding", CODINGS)
def test_the_tag_of_a_coded_answer_is_known_again(http, coding):
    first, _ = raw(http, "GET", BOOK, accept_encoding=coding)
    tag = first.headers["etag"]
    assert tag.endswith(f'-{coding}"')
    for accepted in (coding, "identity", "gzip, br, zstd"):
        for sent in (tag, f"W/{tag}", f'"1", {tag}'):
            again, body = raw(http, "GET", BOOK, accept_encoding=accepted, if_none_match=sent)
            assert (again.status_code, body) == (304, b"")
            # A cache looks for what it keeps by this tag (RFC 9111 section 4.3.4).
            assert again.headers["etag"] == tag
    plain, _ = raw(http, "GET", BOOK, accept_encoding="identity")
    assert plain.headers["etag"] == tag.replace(f"-{coding}", "")
    unlike, _ = raw(http, "GET", BOOK, accept_encoding=coding, if_none_match='"999-br"')
    assert unlike.status_code == 200


def test_a_write_may_be_conditioned_on_the_tag_of_a_coded_answer(http):
    made = http.put("/v1/contexts/coding/other", json={"kind": "document", "state": {"t": TEXT}})
    assert made.status_code == 201
    answer, _ = raw(http, "GET", "/v1/contexts/coding/other", accept_encoding="br")
    tag = answer.headers["etag"]
    merge = {"content-type": "application/merge-patch+json", "if-match": tag}
    changed = http.patch("/v1/contexts/coding/other", json={"a": 1}, headers=merge)
    assert changed.status_code == 200
    late = http.patch("/v1/contexts/coding/other", json={"a": 2}, headers=merge)
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")


def test_a_range_is_of_the_plain_bytes_and_sent_so(http):
    answer, body = raw(http, "GET", f"{BOOK}/content", accept_encoding="br", range="bytes=4-12")
    assert (answer.status_code, body) == (206, TEXT.encode()[4:13])
    assert "content-encoding" not in answer.headers


def test_head_tells_what_get_would_send(http):
    for coding in (*CODINGS, "identity"):
        head, body = raw(http, "HEAD", BOOK, accept_encoding=coding)
        get, _ = raw(http, "GET", BOOK, accept_encoding=coding)
        assert body == b""
        for name in ("etag", "content-encoding", "vary", "content-type"):
            assert head.headers.get(name) == get.headers.get(name)


def test_short_answers_stay_plain(http):
    answer, body = raw(http, "GET", "/v1/whoami", accept_encoding="gzip")
    assert len(body) < limits.CODED_LEAST_BYTES
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("coding", CODINGS)
def test_what_goes_to_mcp_clients_and_comes_from_them_may_be_coded(http, coding):
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    message["params"] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    begun = http.post("/mcp", json=message, headers=MCP)
    session = {"mcp-session-id": begun.headers["mcp-session-id"]}
    session["mcp-protocol-version"] = "2025-11-25"
    listing = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}})
    compress = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress}[coding]
    headers = MCP | session | {"accept-encoding": coding, "content-encoding": coding}
    with http.stream("POST", "/mcp", content=compress(listing.encode()), headers=headers) as answer:
        body = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == coding
    assert json.loads(DECODE[coding](body))["result"]["tools"]


def test_events_come_when_they_happen_whatever_is_accepted(book, http):
    """A coder that waits for more would keep an event back."""
    with socket.create_connection(book.address, SECONDS) as one:
        one.sendall(
            b"GET /v1/changes?after=now HTTP/1.1\r\nHost: localhost\r\n"
            b"Accept: text/event-stream\r\nAccept-Encoding: gzip, br, zstd\r\n\r\n"
        )
        with one.makefile("rb") as file:
            head = b""
            while line := file.readline().strip():
                head += line.lower() + b"\n"
            assert b"content-encoding" not in head
            assert b"text/event-stream" in head
            for number in range(3):  # each is read before the next one is made
                state = {"kind": "session", "state": {"n": number}}
                assert http.put("/v1/contexts/coding/watched", json=state).status_code < 300
                while b'"watched"' not in file.readline():
                    pass
