"""Authors that tenants of a file shared are each tenant's own once the file was migrated."""

import apsw
import pytest

from backstory import limits
from backstory.domain.principals import Author, Trust
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.migrating import migrate, migrations
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

STEPS = [step for step in migrations() if step.name.startswith("authors")]
EVE, BOB = Author("eve", Trust.USER), Author("bob", Trust.USER)
TENANTS = ("acme", "other", "third")
SHARE = """
CREATE TABLE shared AS
    SELECT a.id AS own, (SELECT min(b.id) FROM authors AS b
                         WHERE b.subject = a.subject AND b.trust = a.trust) AS id FROM authors AS a;
UPDATE contexts SET author = s.id FROM shared AS s WHERE s.own = author;
UPDATE changes SET author = s.id FROM shared AS s WHERE s.own = author;
CREATE TABLE shared_voices AS
    SELECT v.id AS own, (SELECT min(w.id) FROM voices AS w JOIN shared AS t ON t.own = w.author
                         WHERE t.id = s.id AND w.role = v.role AND w.type = v.type) AS id
    FROM voices AS v JOIN shared AS s ON s.own = v.author;
UPDATE entries SET voice = s.id FROM shared_voices AS s WHERE s.own = voice;
DELETE FROM voices WHERE id NOT IN (SELECT id FROM shared_voices);
UPDATE voices SET author = s.id FROM shared AS s WHERE s.own = author;
CREATE TABLE kept AS SELECT id, trust, subject FROM authors WHERE id IN (SELECT id FROM shared);
DROP TABLE authors;
CREATE TABLE authors (
    id INTEGER PRIMARY KEY, trust INTEGER NOT NULL, subject TEXT NOT NULL, UNIQUE (subject, trust)
);
INSERT INTO authors SELECT id, trust, subject FROM kept;
DROP TABLE kept; DROP TABLE shared; DROP TABLE shared_voices;
ALTER TABLE tenants DROP COLUMN names;
"""


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody remembers names for long, and so nobody waits for that for long."""
    monkeypatch.setattr(limits, "NAMES_SECONDS", 0.01)


async def talk(store, clock, *tenants):
    for tenant in tenants:
        scene = Scene(store, clock, tenant)
        await scene.put("teams.1/a")
        await scene.append("teams.1/a", "one", author=EVE)
        if tenant == "other":
            await scene.append("teams.1/a", "two", author=BOB)


def as_before(path, script=SHARE):
    """The file as the release before had it."""
    connection = apsw.Connection(str(path))
    connection.execute(script)
    connection.execute("UPDATE meta SET applied = ?", (STEPS[0].number - 1,))
    names = [row[0] for row in connection.execute("SELECT subject FROM authors ORDER BY 1")]
    connection.close()
    return names


def authors_of(path):
    connection = apsw.Connection(str(path))
    rows = connection.execute("SELECT id, tenant, subject FROM authors ORDER BY 2, 3").fetchall()
    connection.close()
    return rows


async def all_is_there(path, clock):
    store = await open_store(path, clock=clock)
    for tenant in TENANTS:
        scene = Scene(store, clock, tenant)
        both = [EVE, BOB] if tenant == "other" else [EVE]
        assert [entry.author for entry in await scene.entries("teams.1/a")] == both
        assert [one.by for one in await scene.versions("teams.1/a")][1:] == both
        assert (await scene.view("teams.1/a")).snapshot.head.author == both[-1]
    await store.aclose()


async def test_what_tenants_shared_they_share_and_the_receipt_does_not_hold(tmp_path):
    clock, path = FakeClock(), tmp_path / "s.db"
    store = await open_store(path, clock=clock)
    await talk(store, clock, *TENANTS)
    await store.aclose()
    assert as_before(path) == ["anna", "bob", "eve"]
    migrate(SqliteOptions(path), STEPS)
    assert [row[1:] for row in authors_of(path)] == [(0, "anna"), (0, "bob"), (0, "eve")]
    await all_is_there(path, clock)
    store = await open_store(path, clock=clock)
    await Scene(store, clock, "other").append("teams.1/a", "new", author=EVE)
    assert (2, "eve") in [row[1:] for row in authors_of(path)]
    erased = await store.erase("other", "users.eve", BOB)
    assert not await store.is_erased(erased)
    entries = await Scene(store, clock, "other").entries("teams.1/a")
    assert [entry.author == EVE for entry in entries] == [True, False, False]
    await store.aclose()


async def test_a_file_of_one_tenant_keeps_all_numbers(tmp_path):
    clock, path = FakeClock(), tmp_path / "s.db"
    store = await open_store(path, clock=clock)
    await talk(store, clock, "other")
    await store.aclose()
    before = authors_of(path)
    as_before(path)
    migrate(SqliteOptions(path), STEPS)
    assert authors_of(path) == before
