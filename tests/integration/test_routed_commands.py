"""What looks after a store looks after those, too, that namespaces are routed to."""

import asyncio
import json

import apsw
import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.config import load
from backstory.contexts.writing import Intent
from backstory.domain.commits import Put
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from backstory.wiring import open_auditing, open_contexts, open_hooks

HERE, THERE = ContextKey("sales.1", "a"), ContextKey("medical.1", "a")


async def _fill(settings):
    async with (
        open_hooks() as told,
        open_contexts(settings, told) as contexts,
        open_auditing(settings, contexts, told),
    ):
        for key in (HERE, THERE, HERE, THERE):
            state = b'{"n":%d}' % (await contexts.store.usage("default")).bytes
            put = Put(key, "session", state, (), None)
            await contexts.writer.write(
                LOCAL_ADMIN, [Intent(Verb.WRITE, key)], lambda put=put: [put]
            )


@pytest.fixture
def both(tmp_path):
    """The flags that name two stores, which hold a context each."""
    flags = {
        "store": f"sqlite:///{tmp_path}/first.db",
        "routes": f"medical.* = sqlite:///{tmp_path}/medical.db",
    }
    asyncio.run(_fill(load(flags, environ={})))
    return [part for name, value in flags.items() for part in (f"--{name}", value)]


def run(*arguments, code=0):
    done = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stderr if code else done.stdout


def test_each_store_is_migrated_and_begins_its_epoch(both):
    first, second = run("migrate", "--pending", *both).splitlines()
    assert first.startswith("the first store: sqlite:///")
    assert second.startswith("the store of medical: sqlite:///")
    view = json.loads(run("migrate", "--new-epoch", *both, "--json"))
    assert [one["route"] for one in view["routed"]] == ["medical"]
    assert view["epoch"]["after"] != view["routed"][0]["epoch"]["after"]
    only = json.loads(run("migrate", "--new-epoch", *both, "--route", "medical", "--json"))
    assert only["epoch"]["before"] == view["routed"][0]["epoch"]["after"]
    wrong = run("migrate", *both, "--route", "hr", code=2)
    assert "no store is called hr; there are _first, medical" in wrong


def test_damage_of_any_store_is_found_and_told_by_its_name(both, tmp_path):
    assert [line.partition(":")[0] for line in run("scrub", *both).splitlines()] == [
        "the first store",
        "the store of medical",
    ]
    connection = apsw.Connection(str(tmp_path / "medical.db"))
    connection.execute("UPDATE contexts SET version = 9")
    connection.close()
    done = CliRunner().invoke(main, ["scrub", *both, "--json"])
    assert done.exit_code == 1
    view = json.loads(done.stdout)
    assert (view["ok"], view["routed"][0]["ok"]) == (True, False)
    run("scrub", *both, "--route", "_first")
    found = json.loads(CliRunner().invoke(main, ["doctor", *both, "--json"]).stdout)["findings"]
    told = {each["name"]: each["status"] for each in found}
    assert (told["scrub"], told["scrub of medical"]) == ("ok", "failed")


def test_a_store_that_is_not_there_is_told_by_its_name(both, tmp_path):
    (tmp_path / "medical.db").rename(tmp_path / "away.db")
    for command in ("migrate", "scrub"):
        said = run(command, *both, code=1)
        assert said.startswith("error: the store of medical: there is no store at ")
        assert said.count("\n") == 1
    assert not (tmp_path / "medical.db").exists()


def test_each_is_backed_up_and_restored_by_its_name(both, tmp_path):
    refused = run("backup", tmp_path / "s.bak", *both, code=2)
    assert "say with --route which: _first, medical" in refused
    for route in ("_first", "medical"):
        run("backup", tmp_path / f"{route}.bak", *both, "--route", route)
    assert "--route" in run("restore", tmp_path / "medical.bak", "--replace", *both, code=2)
    view = json.loads(
        run("restore", tmp_path / "medical.bak", "--replace", *both, "--route", "medical", "--json")
    )
    assert view["store"] == f"sqlite:///{tmp_path}/medical.db"
    listed = json.loads(run("quota", "get", "default", *both, "--json"))
    assert listed["contexts"] == 2


def test_keys_of_all_are_made_and_seen(both, tmp_path):
    run("keys", "make", tmp_path / "master")
    keyed = [*both, "--master-key", f"file:{tmp_path}/master"]
    first, second = run("keys", "encrypt", *keyed).splitlines()
    assert first.startswith("the first store: ")
    assert second.startswith("the store of medical: ")
    assert second.endswith(" rows encrypted")
    assert "0 rows" not in second
    view = json.loads(run("keys", "status", *keyed, "--json"))
    assert [view["complete"], view["routed"][0]["complete"]] == [True, True]
    assert len(run("keys", "rewrap", *keyed).splitlines()) == 2
    assert "--route" in run("keys", "backup", tmp_path / "k", *both, code=2)
    run("keys", "backup", tmp_path / "k", *both, "--route", "medical")
    assert (tmp_path / "k").exists()
    told = run("doctor", *keyed)
    assert "keys of medical: 1 keys" in told


def test_what_a_tenant_keeps_is_counted_anew_in_all(both, tmp_path):
    for name in ("first", "medical"):
        connection = apsw.Connection(str(tmp_path / f"{name}.db"))
        connection.execute("UPDATE counters SET contexts = 0")
        connection.close()
    assert json.loads(run("quota", "recount", "default", *both, "--json"))["contexts"] == 2


def test_the_trails_of_all_are_verified_and_one_is_written_out(both, tmp_path):
    said = run("audit", "verify", *both)
    assert said.splitlines()[::2] == ["the first store:", "the store of medical:"]
    assert said.count("'default': whole (2 events") == 2
    assert "--route" in run("audit", "export", *both, code=2)
    out = tmp_path / "trail.jsonl"
    run("audit", "export", *both, "--route", "medical", "--names", "-o", out)
    assert "medical.1/a" in out.read_text()
    assert "sales.1/a" not in out.read_text()
    head, key = run("audit", "head", *both, "--route", "medical").splitlines()
    run("audit", "verify", out, "--anchor", head, "--key", key.removeprefix("key "))
    anchored = ["audit", "verify", *both, "--anchor", head]
    assert "--route" in run(*anchored, code=2)
    run(*anchored, "--route", "medical")


async def _told(flags, **asked):
    from backstory.contexts.auditing import Asked

    settings = load(dict(zip([f[2:] for f in flags[::2]], flags[1::2], strict=True)), environ={})
    async with open_contexts(settings, sweep=False) as contexts:
        found, cursor = [], None
        while True:
            page = await contexts.trail.events(LOCAL_ADMIN, Asked(cursor=cursor, **asked))
            found += page.items
            if (cursor := page.next) is None:
                return found


@pytest.mark.parametrize("newest_first", [True, False])
def test_admins_read_the_trails_of_all_as_one(both, newest_first):
    found = asyncio.run(_told(both, newest_first=newest_first))
    times = [event["at"] for event in found]
    assert times == sorted(times, reverse=newest_first)
    assert len(found) == 4
    assert {(event.get("store"), event["on"][0]["name"]) for event in found} == {
        (None, "sales.1/a"),
        ("medical", "medical.1/a"),
    }
    for limit in (1, 2, 3):
        assert asyncio.run(_told(both, newest_first=newest_first, limit=limit)) == found
    one = asyncio.run(_told(both, newest_first=newest_first, context="medical.1/a", limit=1))
    assert one == [event for event in found if event.get("store") == "medical"]
