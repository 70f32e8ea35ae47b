"""Whoever keeps a real server waiting is let go, with TLS and without, one node or two; nobody else is."""

import contextlib
import json
import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme

import postgres_server
from attacking import database
from backstory import limits
from backstory.cli.serving.patience import look
from serving import SECONDS, serving, until
from token_issuer import Issuer, bearer

ISSUER = Issuer()
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"


IMPATIENT = """
from backstory import limits

limits.HEAD_SECONDS, limits.UNREAD_SECONDS, limits.REQUEST_SECONDS = 1.0, 2.0, 2.0
limits.CONTENT_IDLE_SECONDS = 1.0
"""


@pytest.fixture(scope="module", params=["one node", "two nodes with TLS"])
def server(request, tmp_path_factory, postgres_cluster):
    """One that is as patient as ever, but in a tenth of the time. Of two nodes, the second."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "sitecustomize.py").write_text(IMPATIENT)
    impatient = {"PYTHONPATH": str(folder)}
    with contextlib.ExitStack() as stack:
        if request.param == "one node":
            yield stack.enter_context(serving(folder, env=impatient))
            return
        if postgres_cluster is None:
            pytest.skip(postgres_server.MISSING)
        store = stack.enter_context(database(postgres_cluster))
        pem = folder / "both.pem"
        trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
        first, second = (
            stack.enter_context(
                serving(folder, "--tls-certificate", str(pem), env=impatient, store=store)
            )
            for _ in range(2)
        )
        yield second
        with first.client(verify=False) as http:  # which nobody has attacked
            assert http.get("/readyz").status_code == 200


def connect(server, source="127.0.0.1", **options):
    """A connection as an attacker makes it, from an address."""
    scheme, _, address = server.url.partition("://")
    host, port = address.split(":")
    wire = socket.socket()
    for name, value in options.items():
        wire.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    wire.settimeout(SECONDS)
    wire.bind((source, 0))
    wire.connect((host, int(port)))
    if scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        wire = context.wrap_socket(wire)
    return wire


def answer(wire, text=b""):
    """Status, headers and body of what comes until the connection is closed."""
    wire.settimeout(SECONDS)
    # Who still sends where nobody reads any more is told so; the answer came before that.
    with contextlib.suppress(ConnectionResetError):
        while piece := wire.recv(65536):
            text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def refused(wire, status, code):
    """It is answered with a problem of its own, and closed."""
    return is_problem(answer(wire), status, code)


def is_problem(answered, status, code):
    got, headers, body = answered
    problem = json.loads(body)
    assert (got, problem["code"]) == (status, code)
    assert headers["connection"] == "close"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["content-type"] == "application/problem+json"
    return headers


def trickling(wire, piece):
    """Sends pieces until an answer comes; the answer."""
    wire.settimeout(0.2)
    begun = time.monotonic()
    while True:
        try:
            return answer(wire, wire.recv(65536))
        except TimeoutError:
            assert time.monotonic() - begun < SECONDS, "it is still waited for"
            wire.sendall(piece)


def test_a_head_that_trickles_is_cut_off_and_others_are_served(server):
    with connect(server) as wire:
        wire.sendall(GET)
        with connect(server) as other:
            other.sendall(GET + b"Connection: close\r\n\r\n")
            assert answer(other)[0] == 200
        is_problem(trickling(wire, b"X"), 408, "request_timeout")


def test_a_body_that_trickles_is_cut_off(server):
    with connect(server) as wire:
        head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        wire.sendall(head + b"Content-Length: 1000\r\n\r\n{")
        is_problem(trickling(wire, b" "), 408, "request_timeout")


def test_an_upload_that_trickles_is_cut_off(server):
    with server.client(verify=False) as http:
        http.put("/v1/contexts/users.42/up", json={"kind": "document", "state": {}})
    with connect(server) as wire:
        head = b"PUT /v1/contexts/users.42/up/content HTTP/1.1\r\nHost: localhost\r\n"
        wire.sendall(head + b"Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\n")
        is_problem(trickling(wire, b"x"), 408, "request_timeout")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked", id="both"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5", id="two lengths"
        ),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: +4", id="signed length"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked", id="unknown coding"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding : chunked", id="blank before colon"),
        pytest.param(b"GET / HTTP/1.1\r\nX: a\r\n b", id="folded line"),
        pytest.param(b"GET / HTTP/1.1\nHost: localhost", id="bare line feed"),
        pytest.param(b"GET / HTTP/1.1\r\nX: a\rb", id="bare return"),
        pytest.param(b"GET / HTTP/1.1\r\nX: a\0b", id="NUL"),
        pytest.param(b"PRI * HTTP/2.0", id="HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS in TLS"),
    ],
)
def test_what_two_servers_could_read_differently_is_refused_and_ends_the_connection(server, data):
    with connect(server) as wire:
        wire.sendall(data + b"\r\nHost: localhost\r\n\r\n0\r\n\r\n" + GET + b"\r\n")
        refused(wire, 400, "malformed")


def test_a_head_that_does_not_end_is_refused_by_its_size(server):
    with connect(server) as wire:
        wire.sendall(GET + b"X: " + b"a" * (limits.HEADER_BUFFER_BYTES + 1 - len(GET)))
        refused(wire, 431, "headers_too_large")


def test_a_body_that_trickles_behind_its_answer_does_not_hold_the_connection(server):
    with connect(server) as wire:
        wire.sendall(GET + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
        assert wire.recv(15).startswith(b"HTTP/1.1 200")
        wire.settimeout(0.2)
        begun, over = time.monotonic(), False
        while not over:
            assert time.monotonic() - begun < SECONDS, "it is still waited for"
            try:
                wire.sendall(b"x")
                over = wire.recv(65536) == b""
            except TimeoutError:
                continue
            except (ConnectionError, ssl.SSLError):
                over = True


def test_who_reads_nothing_is_cut_off(server):
    """Found in the connections of the process: what is sent goes no further."""
    with server.client(verify=False) as http:
        path = "/v1/contexts/users.42/big"
        assert http.put(path, json={"kind": "document", "state": {}}).is_success
        body = bytes(32 * 2**20)
        sent = http.put(f"{path}/content", content=body, headers={"content-type": "text/plain"})
        assert sent.is_success
    wire = connect(server, SO_RCVBUF=4096)
    wire.sendall(b"GET /v1/contexts/users.42/big/content HTTP/1.1\r\nHost: localhost\r\n\r\n")
    port = wire.getsockname()[1]
    pid = server.process.pid
    until(lambda: open_connections(pid, port) == 0, "the end of the connection")
    wire.close()


def open_connections(pid, peer_port):
    """Those of the machine whose other end has the port and that a server still holds."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return sum(
        1 for row in rows if int(row[2].split(":")[1], 16) == peer_port and row[3] in ("01", "08")
    )


class Noted:
    """What a connection has noted."""

    def __init__(self, **noted):
        self.idle_since = self.head_since = self.rest_since = self.unread_since = None
        vars(self).update(noted)
        self.done = []

    def head_is_late(self):
        self.done.append("late")

    def leave(self):
        self.done.append("leave")

    def cut(self):
        self.done.append("cut")


@pytest.mark.parametrize(
    ("noted", "seconds", "done"),
    [
        ({"head_since": 0}, limits.HEAD_SECONDS, "late"),
        ({"idle_since": 0}, limits.KEEP_ALIVE_SECONDS, "leave"),
        ({"rest_since": 0}, limits.REQUEST_SECONDS, "leave"),
        ({"unread_since": 0}, limits.UNREAD_SECONDS, "cut"),
    ],
)
def test_each_kind_of_waiting_has_its_bound(noted, seconds, done):
    one = Noted(**noted)
    look([one, Noted()], seconds)
    assert one.done == []
    look([one], seconds + 1)
    assert one.done == [done]


def test_an_address_has_so_many_connections_and_a_proxy_any_number(tmp_path):
    env = ISSUER.environment(ISSUER.write(tmp_path / "keys.json"))
    more = {"BACKSTORY_ADDRESS_CONNECTIONS": "3"}
    with serving(tmp_path, "--trusted-proxies", "127.0.0.2", env=env | more) as server:
        kept = [connect(server) for _ in range(3)]
        for wire in kept:
            wire.sendall(GET + b"\r\n")
            assert wire.recv(15).startswith(b"HTTP/1.1 200")
        with connect(server) as wire:
            headers = refused(wire, 429, "too_many_connections")
        assert int(headers["retry-after"]) == limits.CONNECTIONS_RETRY_SECONDS
        kept.pop().close()

        def free():
            with connect(server) as wire:
                wire.sendall(GET + b"Connection: close\r\n\r\n")
                return answer(wire)[0] == 200

        until(free, "room for another connection")
        proxied = [connect(server, "127.0.0.2") for _ in range(5)]
        proxied[4].sendall(GET + b"\r\n")
        assert proxied[4].recv(15).startswith(b"HTTP/1.1 200")
        for wire in (*kept, *proxied):
            wire.close()
        until(free, "room again")
        token = bearer(ISSUER.token("ada"))
        with server.client() as http:
            assert http.get("/v1/whoami", headers=token).status_code == 200
