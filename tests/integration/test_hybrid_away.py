"""One of two stores goes away: what the other keeps is served as before."""

import asyncio

import pytest

from serving import SECONDS, serving_aside
from tcp_proxy import Proxy

HERE, FAR = "/v1/contexts/medical.1/a", "/v1/contexts/sales.1/a"
STATE = {"kind": "conversation", "state": {}}


@pytest.fixture
async def network(postgres):
    async with Proxy(postgres.port) as network:
        yield network


@pytest.fixture
def far_url(postgres, postgres_url, network):
    return postgres_url.replace(str(postgres.port), str(network.port))


async def until(http, path, holds):
    async with asyncio.timeout(SECONDS):
        while not holds(answer := await http.get(path)):  # noqa: ASYNC110 -- it is asked
            await asyncio.sleep(0.05)
        return answer


async def told(http, cursor, **more):
    page = (await http.get("/v1/changes", params={"after": cursor} | more)).json()
    return [each["namespace"] for each in page["items"]], page["next"]


def is_away(answer):
    return (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


async def check(http, network, here, far):
    """`far` is kept by what the network leads to, `here` by what it does not."""
    for path in (here, far):
        assert (await http.put(path, json=STATE)).status_code == 201
    cursor = (await http.get("/v1/changes", params={"after": "now"})).json()["next"]
    network.cut()
    await until(http, far, is_away)
    entries = {"entries": [{"role": "user", "content": "while it is away"}]}
    keyed = {"idempotency-key": "once"}
    for _ in range(2):
        said = await http.post(f"{here}/entries", json=entries, headers=keyed)
        assert (said.status_code, said.json()["seqs"]) == (200, [1])
    assert (await http.get(here)).json()["entry_count"] == 1
    namespace = here.split("/")[3]
    listed = await http.get("/v1/contexts", params={"namespace": namespace})
    assert len(listed.json()["items"]) == 1
    for call in (http.get("/v1/contexts"), http.post("/v1/search", json={"query": "away"})):
        assert is_away(await call)  # what would leave something out is no answer
    assert is_away(await http.post(f"{far}/entries", json=entries))
    spaces, cursor = await told(http, cursor, wait=30)
    assert spaces == [namespace]
    return namespace, cursor


async def check_healed(http, network, far, cursor):
    network.mend()
    await until(http, "/healthz", lambda answer: answer.json()["status"] == "ok")
    entries = {"entries": [{"role": "user", "content": "again"}]}
    assert (await http.post(f"{far}/entries", json=entries)).status_code == 200
    spaces, cursor = await told(http, cursor, wait=30)
    assert spaces == [far.split("/")[3]]
    assert await told(http, cursor) == ([], cursor)


async def test_while_the_first_store_is_away_what_is_kept_apart_goes_on(tmp_path, network, far_url):
    routes = ("--routes", "medical.* = sqlite:///medical.db")
    async with serving_aside(tmp_path, *routes, store=far_url) as (_, http):
        _, cursor = await check(http, network, HERE, FAR)
        # Nobody can be let in without it for long, so that no balancer should send requests.
        assert await until(http, "/readyz", lambda answer: answer.status_code == 503)
        await check_healed(http, network, FAR, cursor)


async def test_while_a_store_that_is_routed_to_is_away_the_node_stays_ready(
    tmp_path, network, far_url
):
    routes = ("--routes", f"sales.* = {far_url}")
    async with serving_aside(tmp_path, *routes, store="sqlite:///first.db") as (_, http):
        _, cursor = await check(http, network, HERE, FAR)
        degraded = await until(
            http,
            "/healthz",
            lambda found: found.json()["checks"]["store.sales"]["status"] == "failed",
        )
        assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
        assert (await http.get("/readyz")).status_code == 200
        await check_healed(http, network, FAR, cursor)
