"""A store made before summaries had a table knows them once it was migrated."""

import apsw
import pytest

from backstory.domain.summaries import Summary
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.migrating import migrate
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry, summary

WRONG = ['{"covers":[1,9]}', '{"covers":[2,1]}', '{"covers":"1-2"}', '{"covers":[1]}', '{"a":[1]}']


@pytest.fixture
async def old(tmp_path):
    """A file as the release before had it, with summaries of which some are none."""
    clock = FakeClock()
    store = await open_store(tmp_path / "old.db", clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    await scene.append("chat", "one", "two", entry("no metadata", type="summary"))
    await scene.append("chat", summary("both", 1, 2), *[summary("wrong", 1, 2)] * len(WRONG))
    await store.aclose()
    connection = apsw.Connection(str(tmp_path / "old.db"))
    for seq, metadata in enumerate(WRONG, 5):
        connection.execute(
            "UPDATE entries SET metadata = ? WHERE id = 1 << 32 | ?", (metadata.encode(), seq)
        )
    connection.execute(
        "DROP TABLE summaries; ALTER TABLE entries DROP COLUMN tokens; PRAGMA user_version = 3"
    )
    connection.close()
    return SqliteOptions(tmp_path / "old.db")


async def test_summaries_written_before_are_known_and_others_are_not(old):
    assert "summaries" in migrate(old).applied
    store = await open_store(old, clock=FakeClock())
    scene = Scene(store, FakeClock())
    assert await scene.summaries("chat") == [Summary(4, 1, 2)]
    await scene.redact("chat", 1)
    assert (await scene.texts("chat"))[3:] == ["", *["wrong"] * len(WRONG)]
    await store.aclose()
