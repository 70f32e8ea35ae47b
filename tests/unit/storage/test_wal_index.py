"""The index of the log tells of every commit, by whomever, and leaves SQLite's locks alone."""

import asyncio
import subprocess
import sys

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.storage.sqlite import open_store
from backstory.storage.sqlite.wal_index import DataVersion
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

IS_LOCKED = """
import fcntl, sys
with open(sys.argv[1] + "-shm", "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)  # of who has the file open
    except OSError:
        print("locked")
"""


def database(path):
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("CREATE TABLE IF NOT EXISTS t(n)")
    return connection


class Asking:
    """What SQLite is asked for, and how often."""

    def __init__(self, path):
        self.connection, self.times = database(path), 0

    def __call__(self):
        self.times += 1
        return self.connection.execute("PRAGMA data_version").fetchall()[0][0]


@pytest.fixture
def asking(tmp_path):
    asking = Asking(tmp_path / "t.db")
    yield asking
    asking.connection.close()


@pytest.fixture
def version(asking, tmp_path):
    version = DataVersion(tmp_path / "t.db", asking)
    version()
    version()
    asking.times = 0
    yield version
    asking.connection.close()
    version.close()


def test_while_nobody_commits_nobody_is_asked(asking, version):
    assert version() == version()
    assert asking.times == 0


def test_a_commit_by_another_process_is_seen(asking, version, tmp_path):
    before = version()
    write = "import apsw, sys; apsw.Connection(sys.argv[1]).execute('INSERT INTO t VALUES (1)')"
    subprocess.run([sys.executable, "-c", write, tmp_path / "t.db"], check=True)
    assert version() != before
    assert asking.times == 1


STEPS = st.lists(
    st.sampled_from(["write", "other writes", "nothing", "checkpoint", "truncate", "rollback"]),
    max_size=12,
)


@given(STEPS)
def test_it_changes_whenever_sqlite_says_so(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("any") / "t.db"
    here, other = Asking(path), database(path)
    version = DataVersion(path, here)
    said, told = here(), version()
    for step in steps:
        match step:
            case "write":
                here.connection.execute("INSERT INTO t VALUES (1)")
            case "other writes":
                other.execute("INSERT INTO t VALUES (2)")
            case "checkpoint":
                other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            case "truncate":
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            case "rollback":
                other.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (3); ROLLBACK")
        now, again = version(), here()
        assert now == again
        assert (now == told) == (again == said)
        said, told = again, now
    for connection in (here.connection, other):
        connection.close()
    version.close()


def test_without_an_index_sqlite_is_asked_each_time(asking):
    version = DataVersion(None, asking)
    assert version() == version()
    assert asking.times == 2


async def test_a_store_that_closes_leaves_the_locks_of_another(tmp_path):
    path, clock = tmp_path / "s.db", FakeClock()
    first, second = [await open_store(path, clock=clock) for _ in range(2)]
    for store in (first, second):
        for _ in range(2):  # the second look opens the index
            store.data_version()
    await first.aclose()
    locked = [sys.executable, "-c", IS_LOCKED, path]
    told = await asyncio.to_thread(subprocess.run, locked, check=True, capture_output=True)
    assert told.stdout == b"locked\n"
    before = second.data_version()
    await Scene(second, clock).put("notes", {"n": 1})
    assert second.data_version() != before
    await second.aclose()
