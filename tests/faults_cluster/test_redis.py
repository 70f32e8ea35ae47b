"""Redis is killed, emptied, frozen and cut off, while nodes share what they read and hear through it."""

import asyncio

import pytest

from clusters.load import under_load
from server_process import MISSING, redis
from tcp_proxy import Proxy

pytestmark = pytest.mark.cluster


@pytest.fixture
def own_redis(anyio_backend):
    """A Redis that may be hurt."""
    with redis() as server:
        if server is None:
            pytest.skip(MISSING["redis"])
        yield server


def through(port):
    """What makes a node use a Redis for all that it can be used for."""
    url = f"redis://127.0.0.1:{port}/0"
    return ("--bus", url, "--cache", url)


async def ask(server, *words):
    """Send one command to a Redis and return the first line of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(" ".join(words).encode() + b"\r\n")
    answer = await reader.readline()
    writer.close()
    return answer.decode().strip()


async def test_redis_is_killed_and_started_again(cluster, postgres_url, own_redis):
    async with (
        cluster(postgres_url, arguments=through(own_redis.port)) as nodes,
        under_load("Redis: kill -9", nodes) as load,
    ):
        for _ in range(2):
            await asyncio.to_thread(own_redis.kill)
            await load.of_each(40)
            await asyncio.to_thread(own_redis.start)
            await load.of_each(40)


async def test_redis_forgets_everything(cluster, postgres_url, own_redis):
    async with (
        cluster(postgres_url, arguments=through(own_redis.port)) as nodes,
        under_load("Redis: flushed", nodes) as load,
    ):
        for _ in range(10):
            assert await ask(own_redis, "FLUSHALL") == "+OK"
            await load.of_each(10)


async def test_redis_is_frozen(cluster, postgres_url, own_redis):
    async with (
        cluster(postgres_url, arguments=through(own_redis.port)) as nodes,
        under_load("Redis: frozen", nodes) as load,
    ):
        for _ in range(2):
            own_redis.freeze()
            await load.of_each(40)
            own_redis.thaw()
            await load.of_each(40)


async def test_one_node_is_cut_off_from_redis(cluster, postgres_url, own_redis):
    """It hears of nothing and is heard of by nobody, but shares the database."""
    async with Proxy(own_redis.port) as proxy:
        first = through(proxy.port)
        async with (
            cluster(postgres_url, arguments=through(own_redis.port), first=first) as nodes,
            under_load("Redis: cut off, slow", nodes) as load,
        ):
            for hurt in (proxy.cut, proxy.freeze, lambda: proxy.delay(0.05)):
                hurt()
                await load.of_each(30)
                proxy.mend()
                await load.of_each(30)
