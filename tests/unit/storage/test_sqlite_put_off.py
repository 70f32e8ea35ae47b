"""A context's row is written once for many appends to it, and nobody sees that it was not yet."""

import asyncio

import apsw
import pytest

from backstory.domain.commits import Append, Commit, Patch, Put
from backstory.domain.patches import MergePatch
from backstory.domain.sealing import Seal
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.transaction import SqliteTransaction
from backstory.storage.tables import committing, reading
from backstory.testing import FakeClock
from backstory.testing.scene import ANNA, entry, key

CHAT = key("chat")
APPEND = Append(CHAT, (entry("one"),))


class Hand:
    """A writer's connection used by hand, with one transaction begun."""

    def __init__(self, path):
        self.db = SqliteDatabase(SqliteOptions(path), busy_seconds=1)
        self.clock, self.number, self.said = FakeClock(), 0, []
        self.db.connection.trace_v2(apsw.SQLITE_TRACE_STMT, self._hear)
        self.begin()

    def _hear(self, event):
        self.said.append(event["sql"])

    def begin(self):
        self.db.connection.execute("BEGIN IMMEDIATE")
        self.tx = SqliteTransaction(self.db, Seal(b"s" * 32), self.clock)

    def commit(self, *operations):
        self.number += 1
        name, now = self.number.to_bytes(10), self.clock.advance(micros=1)
        return committing.commit(self.tx, Commit("acme", name, ANNA, now, operations))

    def end(self):
        self.tx.finish()
        self.db.connection.execute("COMMIT")

    def roll_back(self):
        self.db.connection.execute("ROLLBACK")
        self.db.forget_names()

    def head(self):
        """As somebody sees it who was told of nothing."""
        return reading.find(self.db, "acme", CHAT).head


@pytest.fixture
def hand(tmp_path):
    async def make():
        store = await open_store(tmp_path / "s.db", search=False)
        await store.aclose()

    asyncio.run(make())
    hand = Hand(tmp_path / "s.db")
    hand.commit(Put(CHAT, "conversation", b"{}", (), None))
    hand.end()
    hand.begin()
    hand.said.clear()
    yield hand
    hand.db.close()


def test_many_appends_write_the_row_once(hand):
    for _ in range(10):
        hand.commit(APPEND)
    hand.end()
    assert hand.said.count(QUERIES.touch_context) == 1
    assert (hand.head().version, hand.head().last_seq) == (11, 10)


VERSIONS = "SELECT version FROM contexts"


@pytest.mark.parametrize(
    "versions",
    [
        lambda db: db.all(VERSIONS),
        lambda db: [db.one(VERSIONS)],
        lambda db: list(db.each(VERSIONS)),
        lambda db: [(reading.by_id(db, 1, 1).head.version,)],
    ],
)
def test_who_reads_the_row_otherwise_finds_it_written(hand, versions):
    hand.commit(APPEND)
    assert versions(hand.db) == [(2,)]


def test_who_needs_more_of_it_finds_it_written(hand):
    """What was read for an append alone is read once more."""
    hand.commit(APPEND)
    assert hand.tx.find("acme", CHAT, state=True).head.version == 2
    hand.commit(Patch(CHAT, MergePatch({"a": 1})))
    hand.commit(APPEND)
    hand.end()
    assert hand.head().version == 4


def test_what_comes_behind_it_is_not_undone(hand):
    hand.commit(APPEND)
    hand.commit(Put(CHAT, None, b'{"a":1}', (), None))
    hand.end()
    assert (hand.head().version, hand.head().state_version) == (3, 3)


def test_nothing_is_left_of_it_after_a_rollback(hand):
    hand.commit(APPEND)
    hand.roll_back()
    hand.begin()
    hand.end()
    assert hand.head().version == 1
