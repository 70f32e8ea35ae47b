"""Who comes too often waits: real servers, REST and MCP, one node and two that share a Redis."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from redis import Redis

import server_process
from mcp_serving import JSON_AND_EVENTS, MODERN
from serving import failing, serving
from token_issuer import Issuer, bearer

ISSUER = Issuer()
ADA, BOB = (bearer(ISSUER.lasting(name)) for name in ("ada", "bob"))
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


def keys_of(redis):
    """The names of the buckets, none of which names anybody, and all of which end."""
    with Redis(port=redis.port) as client:
        names = client.keys("backstory:rate:*")
        assert all(re.fullmatch(rb"backstory:rate:[0-9a-f]{32}", name) for name in names)
        assert all(client.pttl(name) > 0 for name in names)
        return names


@contextmanager
def two(folder, store, redis, **settings):
    told = {"env": environment(folder, **settings), "store": store}
    shared = ("--cache", f"redis://127.0.0.1:{redis.port}")
    with serving(folder, *shared, **told) as one, serving(folder, *shared, **told) as other:
        yield one, other


@pytest.fixture
def nodes_url(postgres):
    """The URL of a database in which nothing is."""
    where = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory")
    postgres.run("createdb", *where, "rates")
    yield postgres.url("rates")
    postgres.run("dropdb", "--force", *where, "rates")


@pytest.fixture
def redis():
    """A Redis that the test may kill."""
    with server_process.redis() as running:
        if running is None:
            pytest.skip(server_process.MISSING["redis"])
        yield running


def test_nodes_share_the_buckets_in_redis_and_count_alone_when_it_is_killed(
    tmp_path, nodes_url, redis
):
    slow = {"rate_per_second": 1, "rate_burst": 200}
    with (
        two(tmp_path, nodes_url, redis, **slow) as (one, other),
        one.client() as first,
        other.client() as second,
    ):
        begin = time.monotonic()
        said = codes(first, 150, ADA) + codes(second, 150, ADA)
        assert 150 <= said.count(200) <= 200 + time.monotonic() - begin + 1
        assert keys_of(redis)
        redis.kill()
        begin = time.monotonic()
        said = codes(second, 300, BOB)
        assert set(said) == {200, 429}
        assert 200 <= said.count(200) <= 200 + time.monotonic() - begin + 1


def test_no_request_fails_while_redis_is_killed(tmp_path, nodes_url, redis):
    with (
        two(tmp_path, nodes_url, redis) as (one, _),
        one.client() as client,
        ThreadPoolExecutor(4) as callers,
    ):
        loads = [callers.submit(codes, client, 100, ADA) for _ in range(4)]
        redis.kill()
        assert {code for load in loads for code in load.result()} == {200}


def test_a_caller_has_so_many_streams_at_a_time_and_others_theirs(tmp_path):
    def stream(client, who):
        return client.stream("GET", "/v1/changes", headers=who | {"accept": "text/event-stream"})

    with (
        node(tmp_path, watches_each=1) as server,
        server.client() as client,
        stream(client, ADA) as begun,
    ):
        assert begun.status_code == 200
        with stream(client, BOB) as others, stream(client, ADA) as refused:
            assert others.status_code == 200
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "5"
            refused.read()
            assert refused.json()["code"] == "too_many_watches"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate_per_second", "-1"),
        ("rate_burst", "0"),
        ("address_rate_burst", "many"),
        ("trusted_proxies", "proxy.example.com"),
        ("trusted_proxies", "10.0.0.1/8"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(tmp_path, name, value):
    with failing(tmp_path, env=environment(tmp_path, **{name: value})) as server:
        assert server.wait() != 0
        said = server.errors().strip().splitlines()
        assert len(said) == 1
        assert name in said[0]
