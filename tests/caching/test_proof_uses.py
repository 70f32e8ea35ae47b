"""Proofs that were used are known to all nodes that share a Redis, and to the store without one."""

import asyncio
import uuid

import pytest

import server_process
from backstory.caching.proof_uses import RedisUses
from backstory.clock import SystemClock
from backstory.resilience.breaker import Breaker
from backstory.security.proof_uses import StoreUses
from backstory.storage.sqlite import open_store


@pytest.fixture
async def stored(tmp_path):
    store = await open_store(tmp_path / "store.db", clock=SystemClock())
    yield StoreUses(store, SystemClock())
    await store.aclose()


async def test_one_of_many_nodes_sees_a_proof_first(redis_server, stored, unhurried_caches):
    url = f"redis://127.0.0.1:{redis_server.port}"
    nodes = [RedisUses(url, stored.first, Breaker("Redis")) for _ in range(3)]
    try:
        name = uuid.uuid4().hex
        found = await asyncio.gather(*(node.first(name) for node in nodes * 8))
        assert found.count(True) == 1
        assert await nodes[0].first(uuid.uuid4().hex)
    finally:
        for node in nodes:
            await node.aclose()


async def test_without_redis_the_store_remembers(stored):
    url = f"redis://127.0.0.1:{server_process.free_port()}"
    nodes = [RedisUses(url, stored.first, Breaker("Redis")) for _ in range(2)]
    try:
        found = await asyncio.gather(*(node.first("a") for node in nodes * 4))
        assert found.count(True) == 1
    finally:
        for node in nodes:
            await node.aclose()
