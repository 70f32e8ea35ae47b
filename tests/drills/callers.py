"""Callers whose tokens are not believed, who come too often or keep too much; a certificate that ends."""

import contextlib
from datetime import UTC, datetime, timedelta

import trustme

from drills.drill import CHAT, backstory, calling, failed, serving
from postgres_server import free_port

TOKENS = {
    "BACKSTORY_AUTH_ISSUER": "https://tokens.example.com",
    "BACKSTORY_AUTH_AUDIENCE": "https://context.example.com",
    "BACKSTORY_AUTH_JWKS": "file:.backstory/token-jwks.json",
    "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1",
    "BACKSTORY_ADDRESS_RATE_PER_SECOND": "10000",
    "BACKSTORY_ADDRESS_RATE_BURST": "10000",
}


@contextlib.contextmanager
def refused(folder, _services):
    """A client shows a token that was made for another server."""
    folder.mkdir()
    backstory(folder, "token", "keys", **TOKENS)
    other = TOKENS | {"BACKSTORY_AUTH_AUDIENCE": "https://elsewhere.example.com"}
    wrong = backstory(folder, "token", "create", "--subject", "ada", **other)
    right = backstory(folder, "token", "create", "--subject", "ada", **TOKENS)
    shown = {"Authorization": f"Bearer {wrong}"}
    port = free_port()

    def ask_for_another():
        shown["Authorization"] = f"Bearer {right}"

    call = lambda client: client.get("/v1/whoami", headers=shown)  # noqa: E731
    with (
        serving(folder, "--ops-port", str(port), env=TOKENS) as server,
        calling(server.url, call, pause=0.02, callers=4),
    ):
        yield failed(server, ask_for_another, scraped=f"127.0.0.1:{port}")


RATE = ("--rate-per-second", "1", "--rate-burst", "1")


@contextlib.contextmanager
def often(folder, _services):
    """A client is in a loop, and comes more often than it may."""
    folder.mkdir()
    backstory(folder, "token", "keys", **TOKENS)
    token = backstory(folder, "token", "create", "--subject", "ada", **TOKENS)
    shown = {"Authorization": f"Bearer {token}"}
    port = free_port()
    call = lambda client: client.get("/v1/whoami", headers=shown)  # noqa: E731
    with (
        serving(folder, "--ops-port", str(port), *RATE, env=TOKENS) as server,
        calling(server.url, call) as end,
    ):
        yield failed(server, end, scraped=f"127.0.0.1:{port}")


@contextlib.contextmanager
def bounded(folder, _services):
    """A tenant keeps as much as it may, and goes on writing."""
    with serving(folder, "--quota-contexts", "1") as server:
        with server.client() as client:
            client.put(CHAT, json={"kind": "conversation"}).raise_for_status()
        more = lambda client: client.put(f"{CHAT}-more", json={"kind": "conversation"})  # noqa: E731

        def raise_the_quota():
            store = f"sqlite:///{server.store}"
            backstory(folder, "quota", "set", "default", "--contexts", "100", "--store", store)

        with calling(server.url, more):
            yield failed(server, raise_the_quota)


class Certificate:
    """Its files, where a server is told to look."""

    def __init__(self, folder, days):
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self._authority = trustme.CA()
        self.issue(days)

    def issue(self, days):
        ends = datetime.now(UTC) + timedelta(days=days)
        issued = self._authority.issue_cert("localhost", "127.0.0.1", not_after=ends)
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        for path, content in (
            (self.key, issued.private_key_pem.bytes()),
            (self.certificate, chain),
        ):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            new.replace(path)


@contextlib.contextmanager
def ending(folder, _services):
    """The certificate of a node ends the day after tomorrow."""
    folder.mkdir()
    files, port = Certificate(folder, 2), free_port()
    tls = ("--tls-certificate", str(files.certificate), "--tls-key", str(files.key))
    with serving(folder, *tls, "--ops-port", str(port)) as server:
        yield failed(server, lambda: files.issue(90), scraped=f"127.0.0.1:{port}")
