"""PostgreSQL crashes, comes back, and is succeeded by a standby."""

import asyncio

import pytest

from clusters.load import under_load
from clusters.standbys import standby_of, succeed
from serving import failing
from tcp_proxy import Proxy

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("how", ["kill -9", "immediate", "fast"])
async def test_the_database_goes_away_and_comes_back(cluster, made, how):
    async with (
        cluster(made.url()) as nodes,
        under_load(f"PostgreSQL: {how}", nodes) as load,
    ):
        for _ in range(2):
            stop = (made.kill,) if how == "kill -9" else (made.stop, how)
            await asyncio.to_thread(*stop)
            await load.more(10, "refused")
            await asyncio.to_thread(made.start)
            await load.of_each(30)


async def test_a_synchronous_standby_takes_over_behind_one_address(cluster, made):
    async with standby_of(made) as standby, Proxy(made.port) as proxy:
        store = made.url().replace(str(made.port), str(proxy.port))
        async with cluster(store) as nodes, under_load("failover: one address", nodes) as load:
            await load.of_each(30)
            proxy.cut()
            await succeed(made, standby)
            await load.more(10, "refused")
            proxy.point_to(standby.port)
            proxy.mend()
            await load.of_each(50)


async def test_a_synchronous_standby_takes_over_behind_another_address(cluster, made):
    """The nodes know both, and look for the one that may be written to."""
    async with standby_of(made) as standby:
        hosts = f"127.0.0.1:{standby.port},127.0.0.1:{made.port}"
        store = f"postgresql://backstory@{hosts}/postgres?target_session_attrs=read-write"
        async with cluster(store) as nodes, under_load("failover: two addresses", nodes) as load:
            await load.of_each(30)
            await succeed(made, standby)
            await load.of_each(50)


async def test_what_no_standby_has_is_not_acknowledged(cluster, made):
    """The primary loses its standby first, and is lost itself later."""
    async with (
        Proxy(made.port) as between,
        standby_of(made, between.port) as standby,
        Proxy(made.port) as proxy,
    ):
        store = made.url().replace(str(made.port), str(proxy.port))
        async with cluster(store) as nodes, under_load("failover: standby behind", nodes) as load:
            await load.of_each(30)
            between.freeze()
            await load.more(6, "unknown")
            proxy.cut()
            between.cut()
            await succeed(made, standby)
            proxy.point_to(standby.port)
            proxy.mend()
            await load.of_each(50)


async def test_a_standby_is_refused(made, tmp_path):
    async with standby_of(made, synchronous=False) as standby:
        with failing(tmp_path, store=standby.url()) as server:
            assert await asyncio.to_thread(server.wait) == 1
            assert "is a standby" in server.errors()
