"""Headers that came before: kept within bounds, found only where one whole request has come."""

import pytest

from backstory import limits
from backstory.cli.serving.heads import Head, Heads, Room

HEADERS = b"\r\nhost: a\r\ncontent-length: 4\r\n\r\n"
RAW = b"POST / HTTP/1.1" + HEADERS


def kept(room=None, raw=RAW, body=b"body"):
    heads = Heads(room or Room())
    heads.keep(raw + body, Head({"client": "c"}, len(body), None))
    return heads


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (RAW + b"soul", b"soul"),
        (RAW + b"\r\n\r\n", b"\r\n\r\n"),
        (b"GET /a/b%20c?d=e HTTP/1.1" + HEADERS + b"soul", b"soul"),
        (RAW + b"bod", None),
        (RAW + b"body" + RAW, None),
        (RAW.replace(b"host: a", b"host: b") + b"body", None),
        (b"\r\n" + RAW + b"body", None),
        (b"body", None),
        (b"", None),
    ],
)
def test_only_one_whole_request_is_found(data, body):
    found = kept().find(data)
    assert (None if found is None else found[1]) == body


@pytest.mark.parametrize(
    "line",
    [
        b"PUT / HTTP/1.1",
        b"GET / HTTP/1.0",
        b"GET  / HTTP/1.1",
        b"GET /\xe9 HTTP/1.1",
        b"GET http://a/ HTTP/1.1",
        b"GET //a HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET /\nx: y HTTP/1.1",
        b"GET / HTTP/1.1\nx: y",
        b"CONNECT / HTTP/1.1",
        b"",
    ],
)
def test_a_line_that_needs_a_parser_is_left_to_it(line):
    assert kept().find(line + HEADERS + b"body") is None


def test_the_scope_is_what_a_parser_makes_of_it():
    scope, _, _ = kept().find(b"GET /a/b%20c?d=e HTTP/1.1" + HEADERS + b"body")
    assert scope == {
        "client": "c",
        "method": "GET",
        "path": "/a/b c",
        "raw_path": b"/a/b%20c",
        "query_string": b"d=e",
    }


@pytest.mark.parametrize(
    ("data", "body_bytes"),
    [
        (RAW + RAW, 0),
        (RAW + b"body" + RAW, 4),
        (RAW + b"0\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * limits.HEAD_KEPT_BYTES + b"\r\n\r\n", 0),
    ],
)
def test_what_is_more_than_a_request_or_too_much_is_not_kept(data, body_bytes):
    heads = Heads(Room())
    heads.keep(data, Head({}, body_bytes, None))
    assert not heads


def test_a_connection_keeps_the_last_few():
    room = Room()
    heads, raws = Heads(room), [RAW.replace(b": a", b": %d" % n) for n in range(6)]
    for raw in raws + raws[-1:]:
        heads.keep(raw, Head({}, 0, None))
    found = [raw for raw in raws if heads.find(raw)]
    assert found == raws[-limits.HEADS_EACH :]
    assert room.left == limits.HEADS_KEPT - limits.HEADS_EACH
    heads.clear()
    assert room.left == limits.HEADS_KEPT


def test_nothing_is_kept_where_there_is_no_room():
    room = Room()
    room.left = 1
    assert kept(room)
    assert not kept(room)
