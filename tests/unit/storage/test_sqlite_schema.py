"""The SQL files: one schema however it came to be, and no query that nobody runs."""

import re
from pathlib import Path

import apsw
import pytest

import backstory.storage.sqlite as package
from backstory.storage.queries import Queries, read_sql
from backstory.storage.sqlite.database import QUERIES
from backstory.storage.sqlite.migrating import learn_steps, migrations
from backstory.storage.sqlite.opening import SCHEMA_VERSION
from backstory.storage.sqlite.tokenizing import learn_search

FOLDER = Path(package.__file__).parent


def schema_of(*scripts):
    connection = apsw.Connection("")
    learn_steps(connection)
    for script in scripts:
        connection.execute(script)
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    options = connection.execute("SELECT * FROM entry_words_config ORDER BY 1").fetchall()
    connection.close()
    return sorted((kind, name, table, plain(sql)) for kind, name, table, sql in rows), options


def plain(sql):
    """Without differences that only a reader sees; ALTER TABLE puts a space before its comma."""
    return sql and re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()))


def test_the_migrations_add_up_to_the_schema():
    steps = migrations()
    assert [step.number for step in steps] == list(range(1, SCHEMA_VERSION + 1))
    whole = read_sql("backstory.storage.sqlite", "schema.sql")
    assert schema_of(whole) == schema_of(*(step.looks + step.sql for step in steps))


@pytest.fixture(scope="module")
def database():
    connection = apsw.Connection("")
    learn_search(connection)
    connection.execute(read_sql("backstory.storage.sqlite", "schema.sql"))
    yield connection
    connection.close()


ALL = sorted(QUERIES.names())


@pytest.mark.parametrize("name", ALL)
def test_each_query_is_understood_and_used(database, name):
    asked = re.findall(r"\?(\d+)", getattr(QUERIES, name))
    values = [0] * max(map(int, asked), default=0)
    database.execute(f"EXPLAIN {getattr(QUERIES, name)}", values).fetchall()
    rooms = (FOLDER, FOLDER.parent / "tables")
    sources = "".join(path.read_text() for room in rooms for path in room.glob("*.py"))
    assert re.search(rf"(QUERIES|\bsql)\.{name}\b", sources)


def test_no_query_reads_a_whole_table_that_grows(database):
    """All rows are only gone through where that is the task."""
    whole = {"all_contents", "all_states", "clear_state_words", "separators", "next_erasure"}
    whole |= {"recount", "lagging", "all_indexed", "unsealed"}  # a row for each tenant
    whole |= {"scrub_forgotten"}  # once in a pass over all that is stored
    for name in ALL:
        sql = getattr(QUERIES, name)
        asked = re.findall(r"\?(\d+)", sql)
        values = [0] * max(map(int, asked), default=0)
        if name in whole or sql.startswith("INSERT") or name == "file_bytes":
            continue
        plan = database.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        scans = [detail for *_, detail in plan if detail.startswith("SCAN")]
        scans = [scan for scan in scans if scan != "SCAN CONSTANT ROW"]
        assert all("VIRTUAL TABLE" in scan or "USING" in scan for scan in scans), (name, scans)


def test_a_query_that_is_not_there_is_an_error():
    queries = Queries("-- for the reader\n\n-- name: one\nSELECT 1\n\n-- name: two\nSELECT 2\n")
    assert (queries.one, queries.two) == ("SELECT 1", "SELECT 2")
    with pytest.raises(AttributeError, match="three"):
        _ = queries.three
