"""The PostgreSQL store passes the contract."""

import pytest

from backstory.storage.postgres.store import open_store
from backstory.testing.store_contract import StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture
    async def store(self, postgres_url, clock):
        store = await open_store(postgres_url, clock=clock)
        yield store
        await store.aclose()
