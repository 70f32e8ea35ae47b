"""What the settings say of other stores, at a start and to `backstory doctor`."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.config import load
from backstory.contexts.writing import Intent
from backstory.domain.commits import Put
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import ConfigError, GoneError
from backstory.ports.events import Acted
from backstory.storage.sqlite.migrating import begin_epoch
from backstory.storage.sqlite.options import SqliteOptions
from backstory.wiring import open_auditing, open_contexts, open_hooks

HERE, THERE = ContextKey("sales.1", "a"), ContextKey("medical.1", "a")


@pytest.fixture
def settings(tmp_path):
    """Settings with these routes."""

    def made(routes):
        return load({"store": f"sqlite:///{tmp_path}/first.db", "routes": routes}, environ={})

    return made


@pytest.fixture
def routes(tmp_path):
    return f"medical.* = sqlite:///{tmp_path}/medical.db"


async def put(contexts, key, state=b"{}"):
    operations = (Put(key, "session", state, (), None),)
    intents = [Intent(Verb.WRITE, key)]
    await contexts.writer.write(LOCAL_ADMIN, intents, lambda: operations)


@pytest.mark.parametrize("name", ["first.db", "medical.db"])
async def test_another_epoch_of_either_store_ends_cursors(tmp_path, settings, routes, name):
    async with open_contexts(settings(routes)) as contexts:
        await put(contexts, THERE)
        epoch, first = contexts.epoch, contexts.store.first_epoch
        cursor = (await contexts.stream.changes(LOCAL_ADMIN, after="now")).next
    async with open_contexts(settings(routes)) as contexts:
        assert (contexts.epoch, first) == (epoch, True)
        assert (await contexts.stream.changes(LOCAL_ADMIN, after=cursor)).items == ()
    await asyncio.to_thread(begin_epoch, SqliteOptions(tmp_path / name))
    async with open_contexts(settings(routes)) as contexts:
        assert (contexts.epoch != epoch, contexts.store.first_epoch) == (True, False)
        with pytest.raises(GoneError):
            await contexts.stream.changes(LOCAL_ADMIN, after=cursor)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///{}/first.db", "the store of medical is one that is named already"),
        ("sqlite:///{}/link.db", "the store of medical is one that is named already"),
        ("sqlite:///{}/no.db", "the store of medical cannot be opened"),
        ("postgresql://me:hidden@127.0.0.1:9/x", "the store of medical cannot be opened"),
    ],
)
async def test_a_route_that_leads_nowhere_stops_the_start(tmp_path, settings, url, told):
    (tmp_path / "no.db").write_text("this is no database, whatever it is called\n" * 100)
    (tmp_path / "link.db").symlink_to(tmp_path / "first.db")
    with pytest.raises(ConfigError) as caught:
        async with open_contexts(settings(f"medical.* = {url.format(tmp_path)}")):
            pass
    assert told in caught.value.detail
    assert "\n" not in caught.value.detail
    assert "hidden" not in caught.value.detail


def doctor(tmp_path, routes):
    flags = ["--store", f"sqlite:///{tmp_path}/first.db", "--routes", routes, "--json"]
    done = CliRunner().invoke(main, ["doctor", *flags])
    found = json.loads(done.output)["findings"]
    return [(each["status"], each["detail"]) for each in found if each["name"] == "routes"], found


def test_the_doctor_tells_what_lies_in_the_wrong_store(tmp_path, settings, routes):
    async def make(given, key):
        async with open_contexts(settings(given)) as contexts:
            await put(contexts, key)

    asyncio.run(make("", THERE))
    told, found = doctor(tmp_path, routes)
    assert told == []
    assert ("warning", "store of medical") in [(each["status"], each["name"]) for each in found]
    assert not (tmp_path / "medical.db").exists()  # looking makes none
    asyncio.run(make(routes, HERE))
    told, _ = doctor(tmp_path, routes)
    assert told == [
        (
            "failed",
            "medical.1 of tenant default lies in the first store, and is routed to the store of medical",
        )
    ]
    told, _ = doctor(tmp_path, routes.replace("medical.*", "hr.*"))
    assert told == [("ok", "2 stores keep what is routed to them")]


def test_what_lies_in_the_wrong_store_is_not_shown(settings, routes):
    async def look():
        async with open_contexts(settings("")) as contexts:
            for key in (HERE, THERE):
                await put(contexts, key)
        async with open_contexts(settings(routes)) as contexts:
            page = await contexts.stream.changes(LOCAL_ADMIN)
            assert [change.key for _, change in page.items] == [HERE]
            assert await contexts.store.snapshot("default", THERE) is None

    asyncio.run(look())


async def _trail(path):
    """What the trail of one store alone has of what was done, and the names that it knows."""
    async with open_contexts(load({"store": f"sqlite:///{path}"}, environ={})) as contexts:
        blocks = await contexts.audits.audit_blocks("default", 0, 100)
        events = [json.loads(line) for block in blocks for line in block.lines.splitlines()]
        hashes = [bytes.fromhex(each) for event in events for each in event.get("on", ())]
        numbers = [event["context"] for event in events if "context" in event]
        names = await contexts.audits.resolve_audit("default", hashes, numbers, [])
        return events, {*names.hashes.values(), *names.contexts.values()}


async def test_each_store_has_a_trail_of_its_own_with_its_own_names_alone(
    tmp_path, settings, routes
):
    given = settings(routes)
    async with (
        open_hooks() as told,
        open_contexts(given, told) as contexts,
        open_auditing(given, contexts, told),
    ):
        for key in (HERE, THERE):
            await put(contexts, key)
        both = (str(HERE), str(THERE))
        told.tell(Acted("default", "ann", "", "GET /v1/contexts", "read", both, "ok", ""))
        await put(contexts, THERE, b'{"n":2}')
        await contexts.historian.forget(LOCAL_ADMIN, THERE, 2)
        await put(contexts, ContextKey("medical.1", "b"))
    for name, kept, other in (("first.db", HERE, THERE), ("medical.db", THERE, HERE)):
        events, names = await _trail(tmp_path / name)
        assert str(kept) in names
        assert str(other) not in names
        assert [len(event["on"]) for event in events if event["do"] == "GET /v1/contexts"] == [1]
        assert ("forget" in [event["do"] for event in events]) == (kept == THERE)
