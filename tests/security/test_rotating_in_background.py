"""Servers replace keys in the background: one of them, while the store is in use, to the end."""

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys

import pytest

from backstory import limits
from backstory.clock import SECOND
from backstory.contexts.rotating import Rotation
from backstory.encryption.masters import FileMaster
from backstory.errors import StoreCorruptError, StoreUnavailableError
from backstory.storage.sqlite import open_store
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import Scene
from keyed_scenes import NEW, OLD, reads_back, talk
from serving import serving, until

DAYS = 30
DAY = 24 * 3600 * SECOND
LOOK = limits.ROTATE_LOOK_SECONDS * SECOND
SETTLE = limits.ROTATE_SETTLE_SECONDS * SECOND
LEASE = int(limits.ROTATE_LEASE_SECONDS * SECOND)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    for name in ("ROTATE_DELAY_SECONDS", "ROTATE_PAUSE_SECONDS", "ROTATE_REST"):
        monkeypatch.setattr(limits, name, 0)
    monkeypatch.setattr(limits, "ROTATE_KEEP_SECONDS", 0)
    monkeypatch.setattr(limits, "RESEAL_ROWS", 3)


def rotation(scene, clock=None, days=DAYS):
    return Rotation(scene.store, scene.store, clock or scene.clock, days)


async def found(scene):
    return await scene.store.keys_found(["acme"])


@contextlib.asynccontextmanager
async def running(*rotations):
    tasks = [asyncio.create_task(one.run()) for one in rotations]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def seen(condition):
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def settled(scene):
    """A store that a server has seen, with all rows encrypted."""
    await talk(scene)
    first = rotation(scene)
    await first.turn()
    assert (await found(scene)).complete
    return first


async def test_what_was_stored_before_is_encrypted_and_told_once(opened, caplog):
    plain = await opened()
    await talk(plain)
    await plain.store.aclose()
    scene = await opened(OLD)
    one = rotation(scene, days=0)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            await one.turn()
            scene.clock.advance(micros=LOOK)
    assert (await found(scene)).complete
    assert caplog.text.count("keys are rotated in the background") == 1
    assert caplog.text.count("the rotation of keys is over: 0 keys replaced") == 1
    assert (await one.check()).facts["rows"] > 20
    await reads_back(scene)
    await scene.store.aclose()


async def test_keys_that_are_too_old_are_replaced_while_the_store_is_in_use(opened):
    scene = await opened(OLD)
    one = await settled(scene)
    before = await found(scene)
    scene.clock.advance(micros=DAYS * DAY - 1)
    await one.turn()
    assert (await found(scene)).retired == 0, "not before their time"
    scene.clock.advance(micros=DAY)
    written = 0

    async def is_over():
        nonlocal written
        await scene.append("users.1/busy", f"meanwhile {written}")
        written += 1
        await reads_back(scene)
        return one.report.keys and not one.report.begun

    await scene.put("users.1/busy", {"n": 0})
    async with running(one):
        await seen(is_over)
    after = await found(scene)
    assert after.complete
    assert (after.keys, after.retired) == (2 * before.keys, before.keys)
    assert one.report.rows > 20
    texts = await scene.texts("users.1/busy")
    assert texts == [f"meanwhile {n}" for n in range(written)]
    # The new keys are young.
    scene.clock.advance(micros=DAY)
    await one.turn()
    assert (await found(scene)).retired == before.keys
    await scene.store.aclose()


async def test_without_days_no_key_is_replaced_for_its_age(opened):
    scene = await opened(OLD)
    await settled(scene)
    scene.clock.advance(micros=1000 * DAY)
    await rotation(scene, days=0).turn()
    assert (await found(scene)).retired == 0
    await scene.store.aclose()


async def test_interrupted_in_the_middle_it_goes_on_by_another_process(opened, monkeypatch):
    scene = await opened(OLD)
    one = await settled(scene)
    scene.clock.advance(micros=(DAYS + 1) * DAY)
    async with running(one):

        async def is_under_way():
            return one.report.rows > 3 and one.report.begun

        await seen(is_under_way)
    assert not (await found(scene)).complete
    done, begun = one.report.rows, one.report.begun
    await scene.store.aclose()
    again = await opened(OLD)
    two = rotation(again, scene.clock)
    await two.turn()
    assert not (await found(again)).complete, "the first may be at it yet"
    scene.clock.advance(micros=LEASE)
    await two.turn()
    after = await found(again)
    assert after.complete
    assert after.retired == after.keys / 2, "no key was replaced twice"
    assert (two.report.keys, two.report.begun) == (after.retired, 0)
    assert begun > 0
    assert two.report.rows >= done
    await reads_back(again)
    await again.store.aclose()


async def test_of_two_processes_one_does_it(opened, caplog):
    one, two = await opened(OLD), await opened(OLD)
    await settled(one)
    before = await found(one)
    one.clock.advance(micros=(DAYS + 1) * DAY)
    rotations = rotation(one), rotation(two, one.clock)

    async def is_over():
        return all(each.report.keys and not each.report.begun for each in rotations)

    with caplog.at_level(logging.INFO):
        async with running(*rotations):
            await seen(is_over)
    assert (await found(two)).complete
    assert (await found(two)).keys == 2 * before.keys
    assert caplog.text.count("keys are rotated in the background") == 1
    for scene in (one, two):
        await scene.store.aclose()


async def test_keys_renewed_by_a_command_meanwhile_leave_no_row_behind(opened):
    plain = await opened()
    await talk(plain)
    await plain.store.aclose()
    scene = await opened(OLD)
    one = rotation(scene)
    async with running(one):

        async def is_under_way():
            return one.report.rows > 6

        await seen(is_under_way)
        await scene.store.renew_keys("acme")

        async def is_over():
            return (await found(scene)).complete

        await seen(is_over)
    *_, left = [rows async for rows in scene.store.reseal("acme")]
    assert left == 0
    await scene.store.aclose()


async def test_a_new_master_key_wraps_all_once_it_has_settled(opened):
    scene = await opened(OLD)
    await settled(scene)
    await scene.store.aclose()
    stale, fresh = await opened(OLD, NEW), await opened(NEW, OLD)
    clock = scene.clock
    old, new = rotation(stale, clock), rotation(fresh, clock)
    await old.turn()
    await new.turn()  # it has started last
    for _ in range(2):
        clock.advance(micros=SETTLE // 2)
        assert (await found(fresh)).masters == (OLD.name,)
        await old.turn()
        await new.turn()
    assert (await found(fresh)).masters == (NEW.name,)
    clock.advance(micros=SETTLE)
    await old.turn()
    assert (await found(fresh)).masters == (NEW.name,), "the older server does not take it back"
    for each in (stale, fresh):
        await each.store.aclose()
    alone = await opened(NEW)
    await reads_back(alone)
    await alone.store.aclose()


async def test_what_cannot_be_rotated_is_told_by_health_and_tried_again(opened, monkeypatch):
    scene = await opened(OLD)
    await talk(scene)
    one, reseal = rotation(scene), scene.store.reseal

    async def damaged(tenant):
        raise StoreCorruptError("a row was changed")
        yield

    monkeypatch.setattr(scene.store, "reseal", damaged)
    async with running(one):

        async def is_told():
            with contextlib.suppress(StoreCorruptError):
                await one.check()
                return False
            return True

        await seen(is_told)
        monkeypatch.setattr(scene.store, "reseal", reseal)

        async def is_over():
            return (await found(scene)).complete and not await is_told()

        await seen(is_over)
    await scene.store.aclose()


async def test_a_store_that_is_away_ends_nothing(opened, monkeypatch):
    scene = await opened(OLD)
    one = await settled(scene)
    get_note = scene.store.get_note

    async def away(*args):
        monkeypatch.setattr(scene.store, "get_note", get_note)
        raise StoreUnavailableError("the store is away")

    scene.clock.advance(micros=(DAYS + 1) * DAY)
    monkeypatch.setattr(scene.store, "get_note", away)
    async with running(one):

        async def is_over():
            return one.report.keys and not one.report.begun

        await seen(is_over)
    await scene.store.aclose()


# -- a real server ---------------------------------------------------------------------------

HURRIED = """
from backstory import limits
limits.ROTATE_DELAY_SECONDS, limits.ROTATE_PAUSE_SECONDS = 0.01, {pause}
limits.ROTATE_KEEP_SECONDS = limits.ROTATE_LEASE_SECONDS = 0.1
limits.RESEAL_ROWS = 5
"""


def status(folder, environ):
    command = [sys.executable, "-m", "backstory", "keys", "status", "--json"]
    done = subprocess.run(
        [*command, "--store", f"sqlite:///{folder}/store/test.db"],
        env={**os.environ, **environ},
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


async def with_old_keys(path):
    """A store whose keys were there long ago."""
    clock = FakeClock(1_700_000_000 * SECOND)
    safe = Safe(lambda: SqliteVault(path.with_name("test.db.keys")), [FileMaster(bytes([1]) * 32)])
    scene = Scene(await open_store(path, clock=clock, safe=safe), clock, "default")
    for n in range(12):
        await scene.put(f"c{n}", {"n": n})
        await scene.append(f"c{n}", *[f"text {n} {m}" for m in range(20)])
    await rotation(scene).turn()
    await scene.store.aclose()


def test_a_server_that_is_killed_in_the_middle_goes_on_at_its_next_start(tmp_path):
    hurried = tmp_path / "sitecustomize.py"
    hurried.write_text(HURRIED.format(pause=0.2))
    (tmp_path / "store").mkdir()
    (tmp_path / "master.key").write_bytes(bytes([1]) * 32)
    asyncio.run(with_old_keys(tmp_path / "store" / "test.db"))
    key = {"BACKSTORY_MASTER_KEY": f"file:{tmp_path}/master.key", "BACKSTORY_KEY_DAYS": "1"}
    assert status(tmp_path, key)["complete"]
    env = {**key, "PYTHONPATH": str(tmp_path)}
    with serving(tmp_path, env=env) as server:
        until(lambda: "keys are rotated in the background" in server.errors())
        with server.client() as client:
            facts = client.get("/healthz").json()["checks"]["keys"]["facts"]
        server.kill()
    assert "rotating" in facts
    half = status(tmp_path, key)
    assert half["rotating"]
    assert not half["complete"]
    hurried.write_text(HURRIED.format(pause=0.001))
    with serving(tmp_path, env=env) as server:
        with server.client() as client:
            path, written = "/v1/contexts/users.1/c0", []

            def is_over():
                body = {"entries": [{"role": "user", "content": "more"}]}
                written.append(client.post(f"{path}/entries", json=body).raise_for_status())
                assert client.get(path).json()["state"] == {"n": 0}
                return "the rotation of keys is over" in server.errors()

            until(is_over)
        assert server.stop() == 0
    assert written
    whole = status(tmp_path, key)
    assert whole["complete"]
    assert (whole["keys"], whole["retired"], whole["rotating"]) == (2, 1, False)
