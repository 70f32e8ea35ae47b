"""Content that is purged from PostgreSQL goes a few chunks at a time, and all of it."""

import random

import pytest

from backstory import limits
from backstory.storage.postgres.store import open_store
from backstory.storage.postgres.transaction import PostgresTransaction
from backstory.testing import FakeClock
from backstory.testing.scene import Scene
from postgres_server import sees_all

DATA = random.Random(5).randbytes(3_000_000)
TABLES = ("chunks", "chunk_bodies", "chunk_refs", "manifests", "manifest_pages", "uploads")


@pytest.fixture
async def scene(postgres_url):
    clock = FakeClock()
    store = await open_store(postgres_url, clock=clock)
    yield Scene(store, clock)
    await store.aclose()


@pytest.fixture
async def rows(postgres_url):
    """How many rows the tables of content have, and those of what is to be erased."""
    connection = await sees_all(postgres_url)

    async def rows():
        return {
            name: await connection.fetchval(f"SELECT count(*) FROM {name}")
            for name in (*TABLES, "erasures")
        }

    yield rows
    await connection.close()


@pytest.fixture
def slices(monkeypatch):
    """Counts the transactions that erase."""
    counted, erase = [], PostgresTransaction.erase_some

    def counting(tx):
        counted.append(tx)
        return erase(tx)

    monkeypatch.setattr(PostgresTransaction, "erase_some", counting)
    return counted


async def fill(scene):
    """Content of several slices, and uploads that two callers have sent for one context."""
    for name in ("doc", "sent"):
        await scene.put(name)
    await scene.put_content("doc", DATA)
    for holder in (b"one", b"two"):
        await scene.keep("sent", DATA[:1_500_000], holder)
        await scene.keep("doc", DATA[1_500_000:], holder)


async def test_all_of_purged_content_is_gone_after_many_small_transactions(scene, rows, slices):
    await fill(scene)
    chunks = (await rows())["chunks"]
    assert chunks > 3 * limits.ERASE_CHUNKS
    await scene.purge("doc")
    await scene.purge("sent")
    assert len(slices) > chunks / limits.ERASE_CHUNKS
    assert set((await rows()).values()) == {0}


async def test_what_others_show_stays_whole(scene, rows):
    await fill(scene)
    await scene.fork("doc", "copy")
    before = await rows()
    await scene.purge("doc")
    await scene.purge("sent")
    assert await scene.content("copy") == DATA
    after = await rows()
    assert after["uploads"] == after["erasures"] == 0
    assert after["manifests"] == 1
    assert after["chunks"] == after["chunk_bodies"] == before["chunk_refs"]


async def test_a_purge_that_was_cut_off_goes_on_with_the_next_sweep(
    scene, rows, postgres_url, monkeypatch
):
    await fill(scene)
    monkeypatch.setattr(PostgresTransaction, "erase_some", lambda tx: False)
    for name in ("doc", "sent"):
        await scene.purge(name)
    assert (await rows())["chunks"] > 3 * limits.ERASE_CHUNKS
    monkeypatch.undo()
    store = await open_store(postgres_url, clock=scene.clock)
    await store.sweep(scene.clock.now())
    await store.aclose()
    assert set((await rows()).values()) == {0}
