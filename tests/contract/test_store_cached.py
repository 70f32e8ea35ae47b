"""The PostgreSQL store behind a cache passes the contract."""

import pytest

from backstory.caching.memory import MemoryCache
from backstory.caching.store import CachedStore
from backstory.limits import MIB
from backstory.storage.postgres.store import open_store
from backstory.testing.store_contract import StoreContract


class TestCachedStore(StoreContract):
    @pytest.fixture
    async def store(self, postgres_url, clock):
        inner = await open_store(postgres_url, clock=clock)
        store = CachedStore(inner, MemoryCache(16 * MIB), clock, shared=True)
        yield store
        await store.aclose()
