"""Keys are renewed and wrapped anew under a store that is in use, and what was plain is encrypted."""

import asyncio
import json
import os
import re
import subprocess
import sys
from functools import partial

import apsw
import pytest

from backstory.errors import KeyUnusableError
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables import resealing
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import Scene
from keyed_scenes import NEW, OLD, reads_back, talk

PLAIN = re.compile(rb"secret(state|meta|content| [0-9])")


async def sealed(scene):
    *_, rows = [rows async for rows in scene.store.reseal("acme")]
    return rows


async def test_what_was_stored_before_is_encrypted_and_nothing_twice(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(resealing.limits, "RESEAL_ROWS", 3)
    plain = await opened()
    await talk(plain)
    await plain.store.aclose()
    scene = await opened(OLD)
    assert not (await scene.store.keys_found(["acme"])).complete
    # Interrupted after some steps, it goes on.
    steps = scene.store.reseal("acme")
    for _ in range(2):
        await anext(steps)
    await steps.aclose()
    assert await sealed(scene) > 20
    assert await sealed(scene) == 0
    assert (await scene.store.keys_found(["acme"])).complete
    await reads_back(scene)
    await scene.store.aclose()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".lock")
    assert PLAIN.search(files) is None


async def test_data_keys_are_renewed_under_running_servers(opened):
    one, two = await opened(OLD), await opened(OLD)
    await talk(one)
    before = await one.store.keys_found(["acme"])
    assert await two.store.renew_keys("acme") == before.keys
    await one.append("users.1/chat", "under the new key")
    assert await sealed(two) > 20
    await reads_back_with(one, "under the new key")
    after = await one.store.keys_found(["acme"])
    assert (after.keys, after.retired) == (2 * before.keys, before.keys)
    assert await sealed(one) == 0
    for scene in (one, two):
        await scene.store.aclose()
    again = await opened(OLD)
    await reads_back_with(again, "under the new key")
    # Content is still shared within the subject, and goes with it.
    await again.put("users.1/other")
    await again.put_content("users.1/other", b"secretcontent")
    await again.store.aclose()


async def reads_back_with(scene, last):
    assert (await scene.texts("users.1/chat"))[-1] == last
    assert await scene.content("users.1/chat") == b"secretcontent"
    assert await scene.state("users.1/chat", 1) == {"text": "secretstate1"}


async def test_a_master_key_is_replaced_without_a_row_being_written(opened):
    scene = await opened(OLD)
    await talk(scene)
    await scene.store.aclose()
    scene = await opened(NEW, OLD)
    assert await scene.store.rewrap_keys() == 2
    assert (await scene.store.keys_found(["acme"])).masters == (NEW.name,)
    await reads_back(scene)
    await scene.store.aclose()
    scene = await opened(NEW)
    await reads_back(scene)
    await scene.put("users.9/new", {"n": 1})
    await scene.store.aclose()
    with pytest.raises(KeyUnusableError):
        await opened(OLD)


async def test_old_pages_are_wiped_out_of_a_file(tmp_path):
    """Plain text may still lie in the write-ahead log and in unused pages; it does not."""
    clock = FakeClock()
    plain = Scene(await open_sqlite(tmp_path / "s.db", clock=clock), clock)
    for n in range(60):
        await plain.put(f"chat{n}", {"text": f"secretstate{n} " * 20})
        await plain.append(f"chat{n}", *[f"secretentry{n}x{m}" for m in range(20)])
    await plain.store.aclose()
    safe = Safe(lambda: SqliteVault(tmp_path / "s.keys"), [OLD])
    scene = Scene(await open_sqlite(tmp_path / "s.db", clock=clock, safe=safe), clock)
    assert await sealed(scene) == 60 * 21
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secretentry" not in raw
    assert b"secretstate" not in raw
    await scene.store.aclose()
    file = apsw.Connection(str(tmp_path / "s.db"))
    assert file.pragma("integrity_check") == "ok"
    file.close()


def doctor(folder, **environ):
    done = subprocess.run(
        [sys.executable, "-m", "backstory", "doctor", "--json", "--store", "sqlite:///s.db"],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
    )
    findings = json.loads(done.stdout)["findings"]
    return {one["name"]: one["status"] for one in findings}.get("keys")


async def test_doctor_tells_how_encryption_stands(tmp_path):
    clock, path = FakeClock(), tmp_path / "s.db"
    key = tmp_path / "master.key"
    key.write_bytes(bytes([1]) * 32)
    told = {"BACKSTORY_MASTER_KEY": f"file:{key}"}
    plain = Scene(await open_sqlite(path, clock=clock), clock)
    await plain.put("chat", {"n": 1})
    await plain.store.aclose()
    look = partial(asyncio.to_thread, doctor, tmp_path)
    assert await look() is None
    assert await look(**told) == "warning"
    await (await open_sqlite(path, clock=clock)).aclose()  # a look turns nothing on
    safe = Safe(lambda: SqliteVault(tmp_path / "s.db.keys"), [OLD])
    scene = Scene(await open_sqlite(path, clock=clock, safe=safe), clock)
    assert await look(**told) == "warning"
    await sealed(scene)
    assert await look(**told) == "ok"
    await scene.store.aclose()
    key.write_bytes(bytes([2]) * 32)
    assert await look(**told) == "failed"
