"""doctor and migrate, on stores in every condition."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.config import load
from backstory.storage.sqlite import SqliteOptions, migrating
from backstory.storage.sqlite.lock import FileLock
from backstory.wiring import open_contexts


async def make(path):
    async with open_contexts(load({"store": f"sqlite:///{path}"}, environ={})):
        pass


@pytest.fixture
def store(tmp_path):
    """The path of a sound store, closed."""
    asyncio.run(make(tmp_path / "store.db"))
    return tmp_path / "store.db"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def doctor(path):
    done = run("doctor", "--store", f"sqlite:///{path}", "--json")
    view = json.loads(done.stdout)
    assert view["ok"] is (done.exit_code == 0)
    return {found["name"]: found for found in view["findings"]}


def spoil(path, sql):
    with sqlite3.connect(path) as db:
        db.execute(sql)
    db.close()


def test_doctor_finds_nothing_wrong_with_a_sound_store(store):
    found = {name: one for name, one in doctor(store).items() if not name.startswith("host")}
    parts = {"settings", "schema", "integrity", "lock", "disk", "wal", "scrub", "cache"}
    parts.add("permissions")
    assert parts == set(found)
    assert {one["status"] for one in found.values()} == {"ok"}
    assert "ok      integrity" in run("doctor", "--store", f"sqlite:///{store}").stdout


def test_doctor_makes_no_store(tmp_path):
    path = tmp_path / "none.db"
    assert doctor(path)["store"]["status"] == "warning"
    assert not path.exists()


def test_doctor_says_what_to_do_about_each_failure(store):
    spoil(store, "PRAGMA user_version = 99")
    found = doctor(store)["schema"]
    assert (found["status"], "newer release" in found["next"]) == ("failed", True)
    spoil(store, "PRAGMA application_id = 1")
    assert doctor(store)["schema"]["next"] == "choose another path with --store"


def doctor_of_cache(url, store="postgresql://nobody@127.0.0.1:1/none"):
    done = run("doctor", "--store", store, "--cache", url, "--json")
    assert "secret" not in done.stdout
    return next(one for one in json.loads(done.stdout)["findings"] if one["name"] == "cache")


@pytest.mark.parametrize("url", ["redis://me:secret@127.0.0.1:1", "memcached://127.0.0.1:1"])
def test_doctor_warns_of_a_cache_that_is_not_there(url):
    found = doctor_of_cache(url)
    assert found["status"] == "warning"
    assert "127.0.0.1:1 cannot be used" in found["detail"]
    assert found["next"].startswith("check --cache and the server")


def test_doctor_keeps_something_in_a_cache_that_is_there(redis_server, memcached_server):
    for url in (
        f"redis://127.0.0.1:{redis_server.port}/8",
        f"memcached://127.0.0.1:{memcached_server.port}",
        "memory://",
    ):
        assert doctor_of_cache(url)["status"] == "ok"


def test_doctor_warns_of_a_cache_that_a_file_does_not_use(store, redis_server):
    url = f"redis://127.0.0.1:{redis_server.port}/8"
    found = doctor_of_cache(url, store=f"sqlite:///{store}")
    assert (found["status"], found["next"][:18]) == ("warning", "leave --cache away")


HOLD = """import sqlite3, sys
held = sqlite3.connect(sys.argv[1])
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()"""


@contextlib.contextmanager
def held_by_another_program(store):
    command, pipe = [sys.executable, "-c", HOLD, store], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield


@contextlib.contextmanager
def held_by_one_of_ours(store):
    lock = FileLock(store.with_name("store.db.lock"), 60)
    with lock:
        yield
    lock.close()


@pytest.mark.parametrize("held", [held_by_another_program, held_by_one_of_ours])
def test_doctor_tells_that_nobody_comes_to_write(store, held, monkeypatch):
    assert doctor(store)["lock"]["status"] == "ok"
    monkeypatch.setattr("backstory.limits.DOCTOR_LOCK_SECONDS", 0.1)
    with held(store):
        found = doctor(store)
    assert (found["lock"]["status"], "scrub" in found) == ("failed", False)


def test_doctor_sees_damage(store):
    size = store.stat().st_size
    with store.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)
    found = doctor(store)
    failed = [one for one in found.values() if one["status"] == "failed"]
    assert [one["next"] for one in failed if "backup" in one["next"]]
    store.write_bytes(b"no database" * 1000)
    assert doctor(store)["store"]["status"] == "failed"


def test_doctor_warns_of_a_file_that_others_may_read(store):
    store.chmod(0o644)
    found = doctor(store)["permissions"]
    assert (found["status"], str(store) in found["next"]) == ("warning", True)


def test_doctor_tells_of_settings_that_serve_would_refuse(store):
    done = run("doctor", "--store", f"sqlite:///{store}", "--host", "0.0.0.0")
    assert done.exit_code == 1
    assert "failed  settings" in done.stdout


def test_migrate_says_when_there_is_nothing_to_do(store):
    done = run("migrate", "--store", f"sqlite:///{store}")
    assert (done.exit_code, "up to date" in done.stdout) == (0, True)


def test_migrate_makes_no_store(tmp_path):
    done = run("migrate", "--store", f"sqlite:///{tmp_path}/none.db")
    assert done.exit_code == 1
    assert not (tmp_path / "none.db").exists()


def test_migrate_leaves_what_a_newer_release_made(store):
    spoil(store, "PRAGMA user_version = 99")
    done = run("migrate", "--store", f"sqlite:///{store}")
    assert (done.exit_code, "schema_version" in done.stderr) == (1, True)


def test_pending_steps_are_applied_in_order_each_as_a_whole(store):
    first = migrating.migrations()
    good = migrating.Migration(98, "good", "CREATE TABLE good (x)")
    bad = migrating.Migration(99, "bad", "CREATE TABLE bad (x); SELECT no_such_thing()")
    options = SqliteOptions(store)
    with pytest.raises(Exception, match="no_such_thing"):
        migrating.migrate(options, (*first, good, bad))
    with sqlite3.connect(store) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        assert db.execute("SELECT applied FROM meta").fetchone() == (98,)
    db.close()
    assert "good" in tables
    assert "bad" not in tables
    done = migrating.migrate(options, (*first, good, migrating.Migration(99, "better", "")))
    assert (done.before, done.after, done.applied) == (98, 99, ("better",))
