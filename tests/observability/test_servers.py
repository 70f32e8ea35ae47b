"""What is measured and traced of a node with a database, a cache and a bus."""

import asyncio
import contextlib

import pytest

import postgres_server
from backstory.observability.catalogue import LOOKED_AT, METRICS
from collecting import collecting
from scraping import scraped, value
from server_process import redis
from serving import serving, until

DATABASE = "observed"
PATH = "/v1/contexts/a/b"


@pytest.fixture(scope="module")
def told(tmp_path_factory, postgres_cluster):
    """A collector and the metrics of a node that did a little of everything; it has ended."""
    postgres = postgres_cluster
    if postgres is None:
        pytest.skip(postgres_server.MISSING)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(redis())
        if server is None:
            pytest.skip("Redis is not installed")
        collector, variables = stack.enter_context(collecting())
        url = f"redis://127.0.0.1:{server.port}"
        options = ["--cache", url, "--bus", url]
        asyncio.run(postgres.do(f"CREATE DATABASE {DATABASE} TEMPLATE template"))
        folder = tmp_path_factory.mktemp("told")
        node = stack.enter_context(
            serving(folder, *options, env=variables, store=postgres.url(DATABASE))
        )
        with node.client() as http:
            http.put(PATH, json={"kind": "conversation", "state": {"n": 1}})
            http.post(f"{PATH}/entries", json={"entries": [{"role": "user", "content": "hi"}]})
            for _ in range(3):
                assert http.get(PATH, params={"entries": 1}).status_code == 200
            until(lambda: value(scraped(http), "backstory_bus_messages_total", way="sent") > 0)
            for check in ("cache", "network.bus"):  # a slow machine may need another look
                well = f'backstory_check_failing{{check="{check}"}} 0.0'
                until(lambda well=well: well in http.get("/metrics").text, well)
            health, found = http.get("/healthz").json(), scraped(http)
        assert node.stop() == 0
    return collector, found, health


def test_pool_cache_bus_and_commits_are_measured(told):
    _, found, _ = told
    assert value(found, "backstory_pool_connections", state="idle") > 0
    assert value(found, "backstory_commit_jobs_sum") >= 2
    assert value(found, "backstory_cache_answers_total", operation="get", outcome="hit") > 0
    assert value(found, "backstory_cache_answers_total", operation="get", outcome="miss") > 0
    assert value(found, "backstory_bus_seconds_count") > 0
    assert value(found, "backstory_store_seconds_count", operation="standings") >= 3
    assert ("backstory_clock_skew_seconds",) in found


def test_a_read_has_parts_for_what_the_store_and_the_cache_did(told):
    collector, _, _ = told
    gets = collector.named("GET /v1/contexts/{namespace}/{name}")
    parts = collector.parts(gets[-1])
    assert {"policy", "store", "cache"} <= set(parts)
    assert parts["store"].attributes["backstory.of"] == "standings"
    assert parts["cache"].attributes["backstory.of"] == "get"


def test_each_server_is_reached_for_and_the_clocks_are_compared(told):
    _, _, health = told
    checks = health["checks"]
    for name in ("network.store", "network.cache", "network.bus"):
        assert checks[name]["status"] == "ok", checks
        assert checks[name]["facts"]["milliseconds"] > 0
    assert abs(checks["clock"]["facts"]["skew_seconds"]) < 1


def test_what_is_told_is_in_the_catalogue(told):
    _, found, _ = told
    known = {metric.name for metric in (*METRICS, *LOOKED_AT)}
    suffixes = ("_bucket", "_count", "_sum")
    for name, *_ in found:
        base = next((name.removesuffix(each) for each in suffixes if name.endswith(each)), name)
        assert name in known or base in known, name
