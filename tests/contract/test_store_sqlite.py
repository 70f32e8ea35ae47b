"""The SQLite store passes the contract."""

import pytest

from backstory.storage.sqlite import open_store
from backstory.testing.store_contract import StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path, clock):
        store = await open_store(tmp_path / "store.db", clock=clock)
        yield store
        await store.aclose()
