"""Each limit that the reference lists, met on a real server: its code, and whether to come again."""

import json
import re
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from attacking import HOST, ISSUER, environment, read_answer
from backstory import limits
from serving import SECONDS, serving
from token_issuer import bearer

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"
ROW = re.compile(r"^\| ([a-z][^|]*) \| [^|]+ \| (\d{3}) \| `(\w+)` \| (yes|no) \|$", re.MULTILINE)
HURRIED = """
from backstory import limits

limits.HEAD_SECONDS = limits.CONTENT_IDLE_SECONDS = 4.0
"""
SETTINGS = {
    "BACKSTORY_RATE_PER_SECOND": "1",
    "BACKSTORY_RATE_BURST": "20",
    "BACKSTORY_ADDRESS_RATE_PER_SECOND": "1",
    "BACKSTORY_ADDRESS_RATE_BURST": "60",
    "BACKSTORY_ADDRESS_CONNECTIONS": "12",
    "BACKSTORY_WATCHES_EACH": "1",
    "BACKSTORY_QUOTA_CONTEXTS": "2",
    "BACKSTORY_QUOTA_BYTES": "4000",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    (folder / "sitecustomize.py").write_text(HURRIED)
    with serving(folder, env=environment(folder, PYTHONPATH=str(folder), **SETTINGS)) as running:
        yield running


def caller(server, last, subject="ada", **claims):
    """A client with an address of its own: no limit is met for what others did."""
    return httpx.Client(
        base_url=server.url,
        timeout=SECONDS,
        transport=httpx.HTTPTransport(local_address=f"127.0.0.{last}"),
        headers=bearer(ISSUER.token(subject, **claims)) | {"host": HOST},
    )


def wire(server, last):
    return socket.create_connection(server.address, SECONDS, (f"127.0.0.{last}", 0))


def told(answer):
    return answer.status_code, answer.json()["code"], "retry-after" in answer.headers


def raw(connection):
    status, headers, body = read_answer(connection)
    problem = json.loads(body)
    assert (problem.get("retry_after") is not None) is ("retry-after" in headers)
    return status, problem["code"], "retry-after" in headers


def until_refused(answers):
    return next(told(answer) for answer in answers if answer.status_code >= 400)


def rate_of_a_caller(server):
    with caller(server, 11) as http:
        return until_refused(http.get("/v1/whoami") for _ in range(200))


def rate_of_an_address(server):
    with caller(server, 12) as http:
        some = (bearer(ISSUER.token(f"caller-{n}")) for n in range(200))
        return until_refused(http.get("/v1/whoami", headers=who) for who in some)


def connections_of_an_address(server):
    with ExitStack() as stack:
        kept = [stack.enter_context(wire(server, 13)) for _ in range(13)]
        for one in kept[:-1]:
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert one.recv(15).startswith(b"HTTP/1.1 200")
        return raw(kept[-1])


def watches_of_a_caller(server):
    events = {"accept": "text/event-stream"}
    with (
        caller(server, 14, "watching") as http,
        http.stream("GET", "/v1/changes", headers=events) as begun,
    ):
        assert begun.status_code == 200
        return told(http.get("/v1/changes", headers=events))


def size_of_a_body(server):
    with caller(server, 15, "large") as http:
        return told(http.post("/v1/search", json={"query": "x" * limits.BODY_BYTES}))


def size_of_a_head(server):
    with wire(server, 16) as one:
        one.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (limits.HEADER_BUFFER_BYTES + 1))
        return raw(one)


def contexts_of_a_tenant(server):
    with caller(server, 17, "many", tenant="many") as http:
        body = {"kind": "session", "state": {}}
        return until_refused(http.put(f"/v1/contexts/users.many/{n}", json=body) for n in range(9))


def bytes_of_a_tenant(server):
    with caller(server, 18, "long", tenant="long") as http:
        body = {"kind": "session", "state": {"text": "x" * 5000}}
        return told(http.put("/v1/contexts/users.long/one", json=body))


MET = {
    "requests of a caller": rate_of_a_caller,
    "requests of an address": rate_of_an_address,
    "connections of an address": connections_of_an_address,
    "watches of a caller at a time": watches_of_a_caller,
    "size of a body": size_of_a_body,
    "size of a head": size_of_a_head,
    "contexts of a tenant": contexts_of_a_tenant,
    "bytes of a tenant": bytes_of_a_tenant,
}
SLOW = {
    "time for a head": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n",
    "time for a body": b"PUT /v1/contexts/users.slow/up/content HTTP/1.1\r\nHost: %s\r\n"
    b"Authorization: Bearer %s\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\nx",
}
ELSEWHERE = {"work under way: queues, and the time for an answer"}
"""Shown by tests of the queues themselves."""


def test_each_limit_is_answered_as_the_reference_says(server):
    listed = {
        name: (int(status), code, waits == "yes")
        for name, status, code, waits in ROW.findall(PAGE.read_text("utf-8"))
    }
    assert listed.keys() == MET.keys() | SLOW.keys() | ELSEWHERE
    with caller(server, 19, "slow", tenant="slow") as http:
        body = {"kind": "document", "state": {}}
        assert http.put("/v1/contexts/users.slow/up", json=body).status_code == 201
    token = ISSUER.token("slow", tenant="slow")
    with ExitStack() as stack:
        slow = {name: stack.enter_context(closing(wire(server, 19))) for name in SLOW}
        for name, one in slow.items():
            head, _, rest = SLOW[name].partition(b"%s")
            between, _, end = rest.partition(b"%s")
            one.sendall(head + (HOST.encode() + between + token.encode() + end if rest else b""))
        answered = {name: meet(server) for name, meet in MET.items()}
        answered |= {name: raw(one) for name, one in slow.items()}
    assert answered == {name: row for name, row in listed.items() if name not in ELSEWHERE}
