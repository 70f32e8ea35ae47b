"""Stores of both kinds, under whatever master keys."""

import pytest

from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.postgres.vault import PostgresVault
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request, tmp_path):
    """Opens the store of the test with some master keys."""
    clock = FakeClock()
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None

    async def open_it(*masters):
        if url is not None:
            safe = Safe(lambda: PostgresVault(PostgresOptions(url)), masters)
            return Scene(await open_postgres(url, clock=clock, safe=safe), clock)
        safe = Safe(lambda: SqliteVault(tmp_path / "s.keys"), masters)
        return Scene(await open_sqlite(tmp_path / "s.db", clock=clock, safe=safe), clock)

    return open_it
