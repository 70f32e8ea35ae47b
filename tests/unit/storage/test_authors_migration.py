"""Authors that tenants of a file shared are each tenant's own once the file was migrated."""

import apsw

from backstory.domain.principals import Author, Trust
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.migrating import migrate, migrations
from backstory.storage.sqlite.opening import SCHEMA_VERSION
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

STEP = next(step for step in migrations() if step.name == "authors")
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
    connection.execute(f"PRAGMA user_version = {STEP.number - 1}")
    names = [row[0] for row in connection.execute("SELECT subject FROM authors ORDER BY 1")]
    connection.close()
    return names


def migrated(path):
    assert migrate(SqliteOptions(path), [STEP]).applied == ("authors",)
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    rows = connection.execute("SELECT tenant, subject FROM authors ORDER BY 1, 2").fetchall()
    connection.close()
    return rows


async def test_what_tenants_shared_is_each_ones_own(tmp_path):
    clock, path = FakeClock(), tmp_path / "s.db"
    store = await open_store(path, clock=clock)
    await talk(store, clock, *TENANTS)
    await store.aclose()
    assert as_before(path) == ["anna", "bob", "eve"]
    rows = migrated(path)
    assert rows == [
        (1, "anna"), (1, "eve"), (2, "anna"), (2, "bob"), (2, "eve"), (3, "anna"), (3, "eve"),
    ]  # fmt: skip
    store = await open_store(path, clock=clock)
    for tenant in TENANTS:
        scene = Scene(store, clock, tenant)
        both = [EVE, BOB] if tenant == "other" else [EVE]
        assert [entry.author for entry in await scene.entries("teams.1/a")] == both
        assert [one.by for one in await scene.versions("teams.1/a")][1:] == both
        assert (await scene.view("teams.1/a")).snapshot.head.author == both[-1]
    await store.aclose()


async def test_a_file_of_one_tenant_keeps_all_numbers(tmp_path):
    clock, path = FakeClock(), tmp_path / "s.db"
    store = await open_store(path, clock=clock)
    await talk(store, clock, "other")
    await store.aclose()
    connection = apsw.Connection(str(path))
    before = connection.execute("SELECT id, subject FROM authors").fetchall()
    connection.close()
    as_before(path)
    migrated(path)
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT id, subject FROM authors").fetchall() == before
    connection.close()
