"""The PostgreSQL store behind a cache passes what of the contract a cache could break."""

import pytest

from backstory.caching.memory import MemoryCache
from backstory.caching.store import CachedStore
from backstory.limits import MIB
from backstory.storage.postgres.store import open_store
from backstory.testing.contract_erasing import ErasingContract
from backstory.testing.contract_history import HistoryContract
from backstory.testing.contract_kinds import KindsContract
from backstory.testing.contract_retries import RetriesContract
from backstory.testing.contract_writing import WritingContract


class TestCachedStore(
    WritingContract, RetriesContract, HistoryContract, ErasingContract, KindsContract
):
    @pytest.fixture
    async def store(self, postgres_url, clock):
        inner = await open_store(postgres_url, clock=clock)
        store = CachedStore(inner, MemoryCache(16 * MIB), clock, shared=True)
        yield store
        await store.aclose()
