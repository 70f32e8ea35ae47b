"""A store of either kind, with who writes its audit trail."""

import pytest

from backstory.security.auditing.sealing import Auditor
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """That of the database, None for a file."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


@pytest.fixture
async def opened(url, tmp_path):
    """Opens the same store again, as another process would."""
    stores = []

    async def open_one(clock):
        if url is not None:
            store = await open_postgres(url, clock=clock)
        else:
            store = await open_store(tmp_path / "s.db", clock=clock)
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        await store.aclose()


@pytest.fixture
async def store(opened, clock):
    return await opened(clock)


@pytest.fixture
def scene(store, clock):
    return Scene(store, clock)


@pytest.fixture
def auditor(store, clock):
    return Auditor(store, store.secret, clock)
