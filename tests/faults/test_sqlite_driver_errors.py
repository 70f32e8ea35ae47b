"""When the driver fails, every method says so in our own words, and works again later."""

import asyncio

import apsw
import pytest

from backstory.domain.commits import Idempotency
from backstory.errors import (
    OutcomeUnknownError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
)
from backstory.ports.store import ChangeQuery, EntryQuery, HeadQuery, SearchQuery
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.testing import FakeClock
from backstory.testing.faults import FaultyDisk
from backstory.testing.scene import ALL, Scene, key

CHAT = key("chat")
METHODS = {
    "snapshot": lambda store: store.snapshot("acme", CHAT),
    "view": lambda store: store.view("acme", CHAT),
    "view_at": lambda store: store.view("acme", CHAT, 1),
    "versions": lambda store: store.versions(
        "acme", CHAT, after=0, before=9, limit=9, newest_first=True
    ),
    "version_at": lambda store: store.version_at("acme", CHAT, 1),
    "redactions": lambda store: store.redactions("acme", CHAT, 0, 9),
    "mark": lambda store: store.mark("acme"),
    "changes": lambda store: store.changes("acme", ChangeQuery(ALL, 0)),
    "heads": lambda store: store.heads("acme", HeadQuery(ALL)),
    "matches": lambda store: store.matches("acme", SearchQuery(ALL, ("text",))),
    "replay": lambda store: store.replay("acme", Idempotency(b"k", b"r")),
    "get_note": lambda store: store.get_note("acme", "n"),
    "list_notes": lambda store: store.list_notes("acme", "n"),
    "put_note": lambda store: store.put_note("acme", "n", b"v", 2**60),
    "swap_note": lambda store: store.swap_note("acme", "n", b"v", b"w", 2**60),
    "delete_note": lambda store: store.delete_note("acme", "n"),
    "forget": lambda store: store.forget("acme", CHAT, 2),
    "sweep": lambda store: store.sweep(2**60),
    "check": lambda store: store.check(),
}


@pytest.fixture
def disk():
    return FaultyDisk()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s.db"


@pytest.fixture
async def scene(path, disk):
    clock = FakeClock()
    filler = await open_store(path, clock=clock)
    scene = Scene(filler, clock)
    await scene.put("chat", {"text": "text"})
    await scene.append("chat", "text one", "text two")
    await filler.put_note("acme", "n", b"v", 2**60)
    await filler.aclose()
    scene.store = await open_store(SqliteOptions(path, vfs=disk.name), clock=clock)
    yield scene
    await scene.store.aclose()


@pytest.mark.parametrize("method", METHODS)
async def test_a_disk_that_cannot_be_read_is_an_error_of_ours(scene, disk, method):
    with disk.failing("read"), pytest.raises(StoreError):
        await METHODS[method](scene.store)
    await METHODS[method](scene.store)


async def test_an_io_error_fails_the_write_and_the_next_one_works(scene, disk):
    with disk.failing("write"), pytest.raises(StoreError):
        await scene.append("chat", "lost")
    assert (await scene.append("chat", "kept")).seqs == (3,)
    assert await scene.texts("chat") == ["text one", "text two", "kept"]


async def test_a_sync_that_fails_leaves_the_outcome_unknown(scene, disk):
    with disk.failing("sync"), pytest.raises(OutcomeUnknownError):
        await scene.append("chat", "maybe")
    result = await scene.append("chat", "kept")
    assert result.seqs in {(3,), (4,)}
    assert (await scene.texts("chat"))[-1] == "kept"


async def test_one_commit_that_cannot_be_written_does_not_take_others_with_it(scene, monkeypatch):
    """Rows that the database refuses, for a reason that lies in the commit itself."""
    from backstory.storage.tables import rows

    real = rows.labels_text

    def poisoned(labels):
        if labels == ("poison",):
            raise apsw.ConstraintError("the test's poison")
        return real(labels)

    monkeypatch.setattr(rows, "labels_text", poisoned)
    answers = await asyncio.gather(
        scene.append("chat", "before"),
        scene.put("poisoned", labels=("poison",)),
        scene.append("chat", "after"),
        return_exceptions=True,
    )
    assert isinstance(answers[1], StoreUnavailableError)
    assert (await scene.texts("chat"))[2:] == ["before", "after"]
    assert await scene.store.snapshot("acme", key("poisoned")) is None


async def test_a_closed_store_says_so(path):
    store = await open_store(path)
    await store.aclose()
    await store.aclose()
    for method in ("snapshot", "changes", "put_note"):
        with pytest.raises(StoreUnavailableError):
            await METHODS[method](store)


async def test_what_was_accepted_is_finished_before_closing(path):
    clock = FakeClock()
    store = await open_store(path, clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    writing = [asyncio.create_task(_append(scene, n)) for n in range(50)]
    await asyncio.sleep(0)
    await store.aclose()
    assert len(await asyncio.gather(*writing)) == 50
    store = await open_store(path, clock=clock)
    page = await store.page(
        "acme", (await Scene(store, clock).view("chat")).chain, EntryQuery(limit=100)
    )
    assert len(page.entries) == 50
    await store.aclose()


async def _append(scene, n):
    return await scene.append("chat", str(n))


async def test_corruption_is_told_from_other_errors(scene, disk):
    with disk.failing("read", error=apsw.CorruptError), pytest.raises(StoreCorruptError):
        await scene.store.changes("acme", ChangeQuery(ALL, 0))
