"""Fetching what a stranger names: where connections go, and what ends them."""

import asyncio
import socket

import pytest

from backstory import limits
from backstory.security.authority import fetching
from backstory.security.authority.fetching import Fetcher, FetchError
from client_documents import website

PUBLIC, OTHER, NEAR = "93.184.216.34", "2606:2800:220:1::1", "10.0.0.7"


class Names:
    """A name server that may say something else each time it is asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def getaddrinfo(self, host, port, **_):
        self.asked.append(host)
        addresses = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, 1, 6, "", (address, port)) for address in addresses]


class Network:
    """A network that connects to nothing and remembers where it should have."""

    def __init__(self):
        self.tried = []

    async def connect_tcp(self, host, port, _seconds):
        self.tried.append((host, port))
        raise fetching.httpcore.ConnectError(f"{host} does not answer")


@pytest.fixture
def network():
    return Network()


async def fetch(monkeypatch, network, names, url="https://app.example:8443/client.json", near=()):
    fetcher = Fetcher(near)
    monkeypatch.setattr(fetcher._pool._network_backend, "_backend", network)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)
    try:
        with pytest.raises(FetchError) as error:
            await fetcher.get(url)
        return str(error.value)
    finally:
        monkeypatch.undo()
        await fetcher.aclose()


async def test_it_connects_to_the_addresses_that_were_looked_at_and_asks_once(monkeypatch, network):
    names = Names([PUBLIC, OTHER], [NEAR])
    said = await fetch(monkeypatch, network, names)
    assert network.tried == [(PUBLIC, 8443), (OTHER, 8443)]
    assert names.asked == ["app.example"]
    assert "does not answer" in said


@pytest.mark.parametrize("addresses", [[NEAR], [PUBLIC, NEAR], [PUBLIC, "127.0.0.1"], ["::1"]])
async def test_a_name_with_one_address_near_here_is_not_asked_at_all(
    monkeypatch, network, addresses
):
    said = await fetch(monkeypatch, network, Names(addresses))
    assert network.tried == []
    assert "private network" in said


async def test_a_host_that_the_operator_named_may_be_near(monkeypatch, network):
    for near in ("app.example", "app.example:8443", "APP.example"):
        await fetch(monkeypatch, network, Names([NEAR]), near=[near])
    assert network.tried == [(NEAR, 8443)] * 3
    await fetch(monkeypatch, network, Names([NEAR]), near=["app.example:443", "example"])
    assert len(network.tried) == 3


async def test_a_name_that_is_not_known_is_told_so(monkeypatch, network):
    assert "not known" in await fetch(monkeypatch, network, Names([]))


@pytest.fixture
def site(tmp_path, monkeypatch):
    with website(tmp_path) as site:
        monkeypatch.setenv("SSL_CERT_FILE", str(site.authority))
        yield site


async def test_no_proxy_of_the_environment_is_asked(site, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    fetcher = Fetcher([site.host])
    site.answer("/x.json", b"{}", **{"cache-control": "public, max-age=60"})
    assert await fetcher.get(site.url("/x.json")) == fetching.Fetched(b"{}", 60.0)
    site.answer("/y.json", b"{}", **{"cache-control": "no-store"})
    assert (await fetcher.get(site.url("/y.json"))).seconds == 0
    site.answer("/z.json", b"{}", **{"cache-control": "max-age=999999"})
    found = await fetcher.get(site.url("/z.json"))
    assert found.seconds == limits.CLIENT_DOCUMENT_KEPT_SECONDS
    await fetcher.aclose()


async def test_a_certificate_that_nobody_here_trusts_ends_it(site, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    fetcher = Fetcher([site.host])
    with pytest.raises(FetchError, match="certificate"):
        await fetcher.get(site.url())
    await fetcher.aclose()


async def test_one_that_answers_nothing_is_waited_for_only_so_long(site, monkeypatch):
    monkeypatch.setattr(limits, "CLIENT_DOCUMENT_SECONDS", 0.05)
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"localhost:{listening.getsockname()[1]}"
    fetcher = Fetcher([host])
    with listening, pytest.raises(FetchError, match="no answer"):
        await fetcher.get(f"https://{host}/client.json")
    await fetcher.aclose()
