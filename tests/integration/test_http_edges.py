"""What only shows over a real connection: halves of requests, clients that go, odd heads."""

import json
import socket

import pytest

from backstory import limits
from serving import SECONDS, until

PUT = b"PUT /v1/contexts/edge/half HTTP/1.1\r\nHost: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture
def connect(server):
    opened = []

    def open_one():
        opened.append(socket.create_connection(server.address, SECONDS))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def answer(connection):
    """Status and body of one answer."""
    with connection.makefile("rb") as file:
        status = int(file.readline().split()[1])
        headers = {}
        while line := file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, file.read(int(headers.get("content-length", 0)))


def test_a_body_that_is_cut_off_changes_nothing(connect, http):
    body = b'{"kind": "session"}'
    for sent in (b"", body[:5], body):  # even all of it, where more was announced
        with connect() as half:
            half.sendall(PUT + JSON + b"Content-Length: 100\r\n\r\n" + sent)
    assert http.get("/v1/contexts/edge/half").status_code == 404
    with connect() as half:
        half.sendall(PUT + JSON + b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + body + b"\r\n")
    assert http.get("/v1/contexts/edge/half").status_code == 404


def test_a_client_that_goes_after_its_request_is_served_all_the_same(connect, http):
    body = b'{"kind": "session"}'
    with connect() as one:
        head = b"PUT /v1/contexts/edge/gone HTTP/1.1\r\nHost: localhost\r\n" + JSON
        one.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    until(lambda: http.get("/v1/contexts/edge/gone").status_code == 200, "the write")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_its_bound_is_refused_before_it_is_all_sent(connect, chunked):
    one = connect()
    if chunked:
        one.sendall(PUT + JSON + b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(limits.BODY_BYTES // 0x10000 + 1):
            one.sendall(piece)
    else:
        one.sendall(PUT + JSON + b"Content-Length: %d\r\n\r\n" % (limits.BODY_BYTES + 1))
    status, headers, body = answer(one)
    assert (status, json.loads(body)["code"]) == (413, "too_large")
    assert headers["connection"] == "close"


def test_a_body_as_long_as_the_bound_is_read(http):
    body = b'{"kind": "session", "state": {}}'
    padded = body + b" " * (limits.BODY_BYTES - len(body))
    headers = {"content-type": "application/json"}
    assert http.put("/v1/contexts/edge/big", content=padded, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (b"GET http://evil.example/livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", 403),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", 403),
        (b"BREW /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /%ff%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (
            b"GET /livez HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            200,
        ),
    ],
)
def test_odd_heads_get_an_answer(connect, head, status):
    one = connect()
    one.sendall(head)
    assert answer(one)[0] == status


def test_smuggled_lengths_are_refused(connect):
    one = connect()
    one.sendall(PUT + JSON + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert answer(one)[0] == 400


def test_requests_in_a_row_on_one_connection_are_answered_in_order(connect):
    one = connect()
    get = b"GET /v1/kinds/%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    one.sendall(get % b"session" + get % b"nope" + get % b"prompt")
    found = []
    with one.makefile("rb") as file:
        for _ in range(3):
            status = int(file.readline().split()[1])
            length = 0
            while line := file.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)
            found.append(status)
    assert found == [200, 404, 200]


def test_a_client_that_expects_to_be_told_to_go_on_is_told(connect):
    one = connect()
    body = b'{"kind": "session"}'
    head = PUT.replace(b"half", b"expect") + JSON + b"Expect: 100-continue\r\n"
    one.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
    assert one.recv(100).startswith(b"HTTP/1.1 100")
    one.sendall(body)
    assert answer(one)[0] == 201


def test_head_has_no_body_on_the_wire(connect):
    one = connect()
    one.sendall(
        b"HEAD /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n"
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    with one.makefile("rb") as file:
        everything = file.read()
    assert everything.count(b"HTTP/1.1 200") == 2
    assert everything.endswith(b'{"status":"ok"}')


def test_answers_do_not_name_the_software(http):
    answered = http.get("/livez")
    assert "server" not in answered.headers
    assert "date" in answered.headers


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX: "])
def test_a_head_that_never_ends_is_cut_off(connect, start):
    one = connect()
    one.sendall(start)
    try:
        for _ in range(1000):
            one.sendall(b"x" * 10_000)
    except (BrokenPipeError, ConnectionResetError):
        return
    pytest.fail("the server took ten megabytes of a head")
