"""The stores pass the contract with encryption on, but for beginnings of words."""

import pytest

from backstory.encryption.masters import FileMaster
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.postgres.vault import PostgresVault
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing.store_contract import StoreContract

MASTER = FileMaster(bytes(range(32)))


class TestEncryptedSqliteStore(StoreContract):
    ENCRYPTED = True

    @pytest.fixture
    async def store(self, tmp_path, clock):
        safe = Safe(lambda: SqliteVault(tmp_path / "store.keys"), [MASTER])
        store = await open_sqlite(tmp_path / "store.db", clock=clock, safe=safe)
        yield store
        await store.aclose()


class TestEncryptedPostgresStore(StoreContract):
    ENCRYPTED = True

    @pytest.fixture
    async def store(self, postgres_url, clock):
        safe = Safe(lambda: PostgresVault(PostgresOptions(postgres_url)), [MASTER])
        store = await open_postgres(postgres_url, clock=clock, safe=safe)
        yield store
        await store.aclose()
