"""The trail tells all that was done, from whatever node, and stays whole while names go."""

import asyncio

import apsw
import pytest

from backstory import limits
from backstory.clock import SECOND
from backstory.contexts.auditing import Asked, Trail
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import DeniedError, MissingError, OutcomeUnknownError, StoreUnavailableError
from backstory.ports.audits import UnsealedError
from backstory.ports.events import OK, Acted
from backstory.security.auditing.retaining import Retention
from backstory.security.auditing.sealing import Auditor
from backstory.security.auditing.verifying import verify
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.migrating import migrate, migrations
from backstory.storage.sqlite.opening import SCHEMA_VERSION
from backstory.testing.scene import ANNA, ROBOT, Scene, key

DAY = 24 * 3600
STEP = next(step for step in migrations() if step.name == "audit")
REFUSED = Acted("acme", "eve", "cli", "GET /v1/x", "read", ("users.7/diary",), "not_found", "::1")


async def sealed(store, tenant="acme"):
    return [e for block in await store.audit_blocks(tenant, 0, 1000) for e in block.events()]


async def whole(store, tenant="acme"):
    found = await verify(store, store.secret, tenant)
    assert found.findings == []
    return found


async def shown(store, **asked):
    trail = Trail(store, Seal(store.secret))
    admin = Principal("acme", "root", frozenset({"admin"}))
    page = await trail.events(admin, Asked(newest_first=False, limit=1000, **asked))
    return page.items


async def test_each_change_is_told_once_in_order_with_who_what_where_and_when(
    store, scene, auditor
):
    await scene.put("chat")
    await scene.append("chat", "one", "two", author=ROBOT)
    await scene.delete("chat")
    await auditor.seal("acme")
    await auditor.seal("acme")
    first, second, third = await shown(store)
    assert [each["op"] for each in (first, second, third)] == ["created", "updated", "deleted"]
    assert [first["by"]["name"], second["by"]["name"]] == ["anna", "robot"]
    assert (second["seqs"], second["parts"], second["version"]) == ([[1, 2]], ["entries"], 2)
    assert {each["on"][0]["name"] for each in (first, second, third)} == {"users.1/chat"}
    assert (await whole(store)).events == 3


async def test_no_text_of_a_context_and_no_name_is_in_the_trail(store, scene, auditor):
    await scene.put("secret-name", {"secret": "secret-state"}, labels=("secret-label",))
    await scene.append("secret-name", "secret-text")
    auditor.hear(Acted("acme", "secret-eve", "", "do", "read", ("secret/name",), "no", ""))
    await auditor.flush()
    await auditor.seal("acme")
    blocks = await store.audit_blocks("acme", 0, 100)
    assert b"secret" not in b"".join(block.head + block.lines for block in blocks)


async def test_nodes_that_write_and_seal_at_once_make_one_chain(opened, clock):
    stores = [await opened(clock) for _ in range(3)]
    auditors = [Auditor(store, store.secret, clock) for store in stores]

    async def node(number):
        store, auditor = stores[number], auditors[number]
        for turn in range(6):
            await Scene(store, clock).put(f"c{number}", {"turn": turn})
            auditor.hear(Acted("acme", f"u{number}", "", f"t{turn}", "", (), "no", ""))
            auditor.wrote("acme")
            await auditor.flush()

    await asyncio.gather(*map(node, range(3)))
    for auditor in auditors:
        await auditor.seal("acme")
    found = await whole(stores[0])
    events = await sealed(stores[1])
    assert [event["seq"] for event in events] == list(range(1, found.events + 1))
    assert sorted(e["position"] for e in events if e["do"] == "write") == list(range(1, 19))
    assert len([e for e in events if e["do"] != "write"]) == 18


async def test_what_a_killed_node_left_is_found_and_sealed_by_another(opened, clock, monkeypatch):
    gone, here = await opened(clock), await opened(clock)
    await Scene(gone, clock).put("chat")
    auditor = Auditor(here, here.secret, clock)
    assert await here.unsealed(10) == ["acme"]
    done, add = asyncio.Event(), here.add_audit

    async def told(*arguments):
        added = await add(*arguments)
        done.set()
        return added

    monkeypatch.setattr(here, "add_audit", told)
    running = asyncio.create_task(auditor.run())
    await asyncio.wait_for(done.wait(), 30)
    running.cancel()
    (event,) = await sealed(here)
    assert event["op"] == "created"
    assert await here.unsealed(10) == []


async def test_versions_are_forgotten_only_once_they_are_in_the_trail(store, scene, auditor):
    await scene.put("chat", {"n": 1})
    await scene.put("chat", {"n": 2})
    act = auditor.act(Principal("acme", "root", frozenset()), "forget", key("chat"), before=2)
    with pytest.raises(UnsealedError):
        await store.forget("acme", key("chat"), 2, act)
    assert len(await scene.versions("chat")) == 2
    await auditor.seal("acme")
    await store.forget("acme", key("chat"), 2, act)
    assert len(await scene.versions("chat")) == 1
    await auditor.seal("acme")
    assert [event["do"] for event in await shown(store)] == ["write", "write", "forget"]
    await whole(store)


async def test_a_purged_name_is_known_no_more_and_the_chain_holds(store, scene, auditor):
    await scene.put("diary")
    read = Acted("acme", "anna", "", "GET /v1/x", "read", ("users.1/diary",), OK, "")
    auditor.hear(read)
    await auditor.flush()
    assert {e["on"][0]["name"] for e in await shown(store)} == {"users.1/diary"}
    auditor.hear(read)
    await scene.purge("diary")
    await auditor.flush()
    await auditor.seal("acme")
    assert {e["on"][0]["name"] for e in await shown(store)} == {None}
    assert len({e["on"][0]["hash"] for e in await shown(store)}) == 1
    await whole(store)


async def test_names_of_an_erased_subject_go_and_others_stay(store, auditor):
    for subject, on in (("7", "users.7/diary"), ("8", "users.8/x"), ("8", "users.7.more/x")):
        auditor.hear(Acted("acme", subject, "", "do", "read", (on,), "not_found", ""))
    await auditor.flush()
    await store.erase("acme", "users.7", ANNA)
    told = [(e["by"]["name"], e["on"][0]["name"]) for e in await shown(store)]
    assert sorted(told, key=str) == [("8", "users.8/x"), ("8", None), (None, None)]
    await whole(store)


async def test_equal_events_of_one_round_are_one_that_says_how_often(store, auditor, clock):
    for _ in range(1000):
        clock.advance(micros=1)
        auditor.hear(REFUSED)
    await auditor.flush()
    (event,) = await shown(store)
    assert (event["times"], event["out"], event["from"]["name"]) == (1000, "not_found", "::1")


async def test_a_flood_of_different_events_is_bounded_and_the_loss_is_told(
    store, auditor, monkeypatch
):
    monkeypatch.setattr(limits, "AUDIT_WAITING", 10)
    for number in range(50):
        auditor.hear(Acted("acme", f"u{number}", "", "do", "", (), "no", ""))
    await auditor.flush()
    assert len(await sealed(store)) == 10
    (lost,) = await sealed(store, "")
    assert (lost["out"], lost["times"]) == ("events_lost", 40)


async def test_old_events_go_and_what_is_left_leans_on_a_signed_checkpoint(
    store, scene, auditor, clock
):
    for number in range(3):
        await scene.put("chat", {"n": number})
        await auditor.seal("acme")
        clock.advance(seconds=10 * DAY)
    retention = Retention(store, store.secret, clock, days=15)
    await retention.drop_old()
    assert [event["seq"] for event in await sealed(store)] == [3]
    await whole(store)
    await scene.put("chat", {"n": 4})
    await auditor.seal("acme")
    assert [event["seq"] for event in await sealed(store)] == [3, 4]
    await whole(store)
    clock.advance(seconds=100 * DAY)
    await retention.drop_old()
    assert await sealed(store) == []
    await whole(store)


async def test_events_wait_while_the_store_is_away(store, auditor, monkeypatch):
    async def away(*_):
        raise StoreUnavailableError("away")

    auditor.hear(REFUSED)
    with monkeypatch.context() as patch:
        patch.setattr(store, "add_audit", away)
        with pytest.raises(StoreUnavailableError):
            await auditor.flush()
    auditor.hear(REFUSED)
    await auditor.flush()
    (event,) = await shown(store)
    assert event["times"] == 2


@pytest.mark.parametrize("done", [True, False])
async def test_a_block_of_unknown_outcome_is_in_the_trail_once(store, auditor, monkeypatch, done):
    add, tries = store.add_audit, []

    async def unknown(*arguments):
        tries.append(None)
        if done or len(tries) > 1:
            assert await add(*arguments)
        if len(tries) == 1:
            raise OutcomeUnknownError("lost")
        return True

    monkeypatch.setattr(store, "add_audit", unknown)
    auditor.hear(REFUSED)
    await auditor.flush()
    assert len(await sealed(store)) == 1
    await whole(store)


async def test_an_act_that_was_kept_outlives_its_process(opened, clock):
    gone, here = await opened(clock), await opened(clock)
    root = Principal("acme", "root", frozenset())
    at, event = Auditor(gone, gone.secret, clock).act(root, "revoke", key("x"), reason="lost")
    await gone.keep_act("acme", at, event)
    assert await here.unsealed(10) == ["acme"]
    await Auditor(here, here.secret, clock).seal("acme")
    (told,) = await sealed(here)
    assert (told["do"], told["reason"], "names" in told) == ("revoke", "lost", False)


async def test_pages_follow_each_other_in_both_directions_without_gaps(
    store, scene, auditor, monkeypatch
):
    monkeypatch.setattr(limits, "AUDIT_BLOCK_EVENTS", 3)
    monkeypatch.setattr(limits, "AUDIT_SCANNED", 2)
    for number in range(25):
        await scene.put("chat", {"n": number})
    await auditor.seal("acme")
    trail, admin = Trail(store, Seal(store.secret)), Principal("acme", "r", frozenset({"admin"}))
    for newest_first in (True, False):
        seen, cursor = [], None
        for _ in range(60):
            asked = Asked(newest_first=newest_first, limit=2, cursor=cursor)
            page = await trail.events(admin, asked)
            seen += [item["seq"] for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert seen == sorted(range(1, 26), reverse=newest_first)


async def test_events_are_found_by_context_caller_time_and_outcome(store, scene, auditor, clock):
    await scene.put("chat")
    await scene.append("chat", "x", author=ROBOT)
    await scene.put("other")
    auditor.hear(REFUSED)
    await auditor.flush()
    await auditor.seal("acme")
    now = clock.now()
    assert len(await shown(store, context="users.1/chat")) == 2
    assert len(await shown(store, subject="anna")) == 2
    assert [e["out"] for e in await shown(store, refused=True)] == ["not_found"]
    assert await shown(store, since=now + SECOND) == []
    assert len(await shown(store, until=now + SECOND)) == 4


@pytest.mark.parametrize(
    ("roles", "error"), [({"member"}, MissingError), ({"reader"}, DeniedError), ((), MissingError)]
)
async def test_only_admins_read_it_and_only_operators_what_nobody_did(store, roles, error):
    trail = Trail(store, Seal(store.secret))
    with pytest.raises(error):
        await trail.events(Principal("acme", "x", frozenset(roles)), Asked())
    admin = Principal("acme", "x", frozenset({"admin"}))
    with pytest.raises(DeniedError):
        await trail.events(admin, Asked(), of_nobody=True)


async def test_a_trail_is_its_tenants_own(store, scene, auditor):
    await scene.put("chat")
    await auditor.seal("acme")
    trail = Trail(store, Seal(store.secret))
    other = Principal("other", "root", frozenset({"admin"}))
    assert (await trail.events(other, Asked())).items == []


async def test_a_trail_begins_where_the_store_stood_when_it_was_migrated(tmp_path, clock):
    options = SqliteOptions(tmp_path / "old.db")
    store = await open_store(options, clock=clock)
    await Scene(store, clock).put("before")
    await store.aclose()
    tables = ("audit_tips", "audit_blocks", "audit_acts", "audit_names")
    connection = apsw.Connection(str(options.path))
    connection.execute("; ".join(f"DROP TABLE {name}" for name in tables))
    connection.execute(f"PRAGMA user_version = {STEP.number - 1}")
    connection.close()
    assert migrate(options, [STEP]).applied == ("audit",)
    connection = apsw.Connection(str(options.path))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.close()
    store = await open_store(options, clock=clock)
    await Scene(store, clock).put("after")
    await Auditor(store, store.secret, clock).seal("acme")
    (event,) = await shown(store)
    assert event["on"][0]["name"] == "users.1/after"
    await whole(store)
    await store.aclose()


def test_a_name_is_hashed_as_a_purge_hashes_it():
    """So that a purged context's name can be kept out, and events of it found."""
    from backstory.security.auditing.telling import Teller
    from backstory.storage.tables.auditing import name_hash

    seal = Seal(bytes(32))
    told = Teller(seal).hash("acme", "name", "users.1/chat")
    assert told == name_hash(seal, "acme", ContextKey("users.1", "chat"))


async def test_rounds_are_counted_by_what_came_of_them(store, auditor, monkeypatch):
    async def away(*_):
        raise StoreUnavailableError("away")

    with monkeypatch.context() as broken:
        broken.setattr(store, "unsealed", away)
        with pytest.raises(StoreUnavailableError):
            await auditor._round(look=True)
    await auditor._round(look=True)
    assert auditor.rounds == {"store_unavailable": 1, "ok": 1}
