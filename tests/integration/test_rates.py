"""Who comes too often waits: real servers, REST and MCP, one node and two that share a Redis."""

import asyncio

import pytest

import server_process
from mcp_serving import JSON_AND_EVENTS, MODERN
from serving import Wire, serving
from token_issuer import Issuer, bearer

ISSUER = Issuer()
ADA, BOB = (bearer(ISSUER.token(name)) for name in ("ada", "bob"))
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def environment(folder, **settings):
    jwks = ISSUER.write(folder / "keys.json")
    more = {f"BACKSTORY_{name.upper()}": str(value) for name, value in settings.items()}
    return ISSUER.environment(jwks, **more)


def node(folder, *arguments, **settings):
    folder.mkdir(exist_ok=True)
    return serving(folder, *arguments, env=environment(folder, **settings))


def codes(client, times, headers, path="/v1/whoami"):
    return [client.get(path, headers=headers).status_code for _ in range(times)]


def list_tools(client, headers):
    heads = {
        "accept": JSON_AND_EVENTS,
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/list",
    }
    return client.post("/mcp", json=LIST | {"params": {"_meta": META}}, headers=headers | heads)


def test_a_caller_over_the_rate_is_told_when_to_come_again_and_others_are_served(tmp_path):
    with node(tmp_path, rate_per_second=1, rate_burst=3) as server, server.client() as client:
        assert 429 in codes(client, 10, ADA)
        for refused in (client.get("/v1/whoami", headers=ADA), list_tools(client, ADA)):
            assert refused.status_code == 429
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["code"] == "rate_limited"
            assert refused.json()["retry_after"] == 1
        assert client.get("/v1/whoami", headers=BOB).status_code == 200
        assert list_tools(client, BOB).status_code == 200


def test_an_address_over_the_rate_is_refused_before_its_token_is_looked_at_but_not_its_probes(
    tmp_path,
):
    slow = {"address_rate_per_second": 1, "address_rate_burst": 20}
    with node(tmp_path, **slow) as server, server.client() as client:
        wrong = bearer("not.a.token")
        said = codes(client, 5, wrong)
        assert said[0] == 401
        assert said[-1] == 429  # each wrong one counts as several
        assert client.get("/v1/whoami", headers=ADA).status_code == 429
        for probe in ("/livez", "/readyz", "/healthz"):
            assert codes(client, 30, {}, probe) == [200] * 30


def test_only_a_trusted_proxy_is_believed_who_it_speaks_for(tmp_path):
    slow = {"address_rate_per_second": 1, "address_rate_burst": 3}
    for trusted, other in (("127.0.0.1", 200), ("", 429)):
        with (
            node(tmp_path, trusted_proxies=trusted, **slow) as server,
            server.client() as client,
        ):
            mallory = ADA | {"x-forwarded-for": "203.0.113.7, 203.0.113.8"}
            assert 429 in codes(client, 10, mallory)
            ada = ADA | {"x-forwarded-for": "203.0.113.8, 203.0.113.9"}
            assert client.get("/v1/whoami", headers=ada).status_code == other


def test_nothing_is_refused_where_the_rates_are_off_or_nobody_is_asked_for_a_token(tmp_path):
    off = {"rate_per_second": 0, "address_rate_per_second": 0, "rate_burst": 1}
    with node(tmp_path, **off) as server, server.client() as client:
        assert codes(client, 50, ADA) == [200] * 50
    local = {"BACKSTORY_RATE_PER_SECOND": "1", "BACKSTORY_RATE_BURST": "1"}
    with serving(tmp_path, env=local) as server, server.client() as client:
        assert codes(client, 50, {}) == [200] * 50


def test_nodes_that_share_a_redis_share_the_buckets_and_go_on_when_it_is_killed(tmp_path):
    with server_process.redis() as redis:
        if redis is None:
            pytest.skip(server_process.MISSING["redis"])
        shared = ("--cache", f"redis://127.0.0.1:{redis.port}")
        slow = {"rate_per_second": 1, "rate_burst": 30}
        with (
            node(tmp_path / "one", *shared, **slow) as one,
            node(tmp_path / "two", *shared, **slow) as two,
            one.client() as first,
            two.client() as second,
        ):
            # One secret of the store makes the names, so nodes need the same store to share.
            assert 429 in codes(first, 60, ADA)
            assert codes(second, 5, ADA) == [200] * 5
            redis.kill()
            after = codes(second, 60, BOB)
            assert set(after) == {200, 429}


async def test_a_caller_has_so_many_streams_at_a_time_and_others_theirs(tmp_path):
    with node(tmp_path, watches_each=2) as server:
        wires = [await Wire.to(server) for _ in range(4)]

        async def watch(wire, who):
            wire.send("/v1/changes", "Accept: text/event-stream", f"Authorization: {who}")
            return await asyncio.wait_for(wire.head(), 20)

        ada, bob = ADA["authorization"], BOB["authorization"]
        assert [(await watch(wire, ada))[0] for wire in wires[:2]] == [200, 200]
        status, headers = await watch(wires[2], ada)
        assert status == 429
        assert headers["retry-after"] == "5"
        assert (await watch(wires[3], bob))[0] == 200
