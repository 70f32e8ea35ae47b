"""Callers of servers that are attacked: victims and attackers, over REST and MCP, on one node or two."""

import asyncio
import itertools
import json
import socket
from contextlib import ExitStack, contextmanager

from mcp_serving import modern
from postgres_server import PLAIN
from serving import SECONDS, serving
from token_issuer import AUDIENCE, Issuer, bearer

ISSUER = Issuer()
TENANTS = ("acme", "other")
HOST = "context.example.com"
MERGE = {"content-type": "application/merge-patch+json"}
_numbers = itertools.count(1)


def environment(folder, **more):
    return ISSUER.environment(
        ISSUER.write(folder / "keys.json"), BACKSTORY_PUBLIC_URL=AUDIENCE, **more
    )


@contextmanager
def target(folder, store=None, nodes=1, **more):
    """Servers of one store, that know the tokens of `ISSUER`."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(folder, env=environment(folder, **more), store=store))
            for _ in range(nodes)
        ]
        clients = [stack.enter_context(server.client()) for server in servers]
        yield Target(servers, clients)


@contextmanager
def database(cluster):
    """The URL of an empty store, of a role that row-level security concerns."""
    name = f"attacked_{next(_numbers)}"
    asyncio.run(cluster.do(f"CREATE DATABASE {name} TEMPLATE template OWNER {PLAIN}"))
    try:
        yield cluster.url(name, PLAIN)
    finally:
        asyncio.run(cluster.do(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def on_postgres(cluster, folder, nodes=2, **more):
    """Nodes of a database of their own."""
    with database(cluster) as url, target(folder, url, nodes, **more) as found:
        yield found


class Target:
    """What is attacked. Victims come to its first node, attackers to its last."""

    def __init__(self, servers, clients):
        self.servers, self.clients = servers, clients

    def victim(self, subject="ada", roles=("member",), **more):
        return Caller(self, 0, subject, roles, **more)

    def attacker(self, subject="eve", roles=("member",), **more):
        return Caller(self, -1, subject, roles, **more)

    def admin(self, **more):
        return self.victim("boss", ("admin",), **more)

    def log(self):
        return "".join(server.errors() for server in self.servers)

    def still_serves(self):
        for client in self.clients:
            assert client.get("/readyz", headers={"host": HOST}).status_code == 200

    def connect(self):
        """A plain connection to the last node."""
        return socket.create_connection(self.servers[-1].address, SECONDS)


class Caller:
    """Somebody with a token, at one node."""

    def __init__(self, target, node, subject, roles, **claims):
        self.target, self.subject = target, subject
        self.http = target.clients[node]
        self.token = ISSUER.token(subject, roles, **claims)
        self.headers = bearer(self.token) | {"host": HOST}

    @property
    def own(self):
        return f"users.{self.subject}"

    def rest(self, method, path, *, headers=None, **options):
        return self.http.request(method, path, headers=self.headers | (headers or {}), **options)

    def make(self, name, kind="session", state=None, **more):
        body = {"kind": kind, "state": state or {}} | more
        answer = self.rest("PUT", f"/v1/contexts/{name}", json=body)
        assert answer.status_code in (200, 201), answer.text
        return name

    def say(self, name, *texts, role="user"):
        entries = [{"role": role, "content": text} for text in texts]
        answer = self.rest("POST", f"/v1/contexts/{name}/entries", json={"entries": entries})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def mcp(self, method, params=None, name=None, **headers):
        """One message of 2026-07-28; the whole answer of HTTP."""
        request = modern(method, params, name)
        sent = request["headers"] | self.headers | headers
        return self.http.post("/mcp", json=request["json"], headers=sent)

    def tool(self, tool, **arguments):
        """Whether it is an error, and what a tool answers."""
        answer = self.mcp("tools/call", {"name": tool, "arguments": arguments}, tool)
        assert answer.status_code == 200, answer.text
        found = answer.json()["result"]
        return found.get("isError", False), json.loads(found["content"][0]["text"])


def without_trace(answer):
    """An answer as a caller can compare it: status, body and what headers tell."""
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "content-length")}
    body = answer.json() if answer.content else None
    if isinstance(body, dict):
        body.pop("trace_id", None)
    return answer.status_code, headers, body


def read_answer(connection):
    """Status, headers and body of the one answer of a plain connection; None where it is closed."""
    with connection.makefile("rb") as file:
        return next_answer(file)


def next_answer(file):
    """The next of several answers; a connection has one such file, which may have read ahead."""
    line = file.readline()
    if not line:
        return None
    headers = {}
    while one := file.readline().strip():
        name, _, value = one.decode("latin-1").partition(":")
        headers.setdefault(name.lower(), value.strip())
    return int(line.split()[1]), headers, file.read(int(headers.get("content-length", 0)))
