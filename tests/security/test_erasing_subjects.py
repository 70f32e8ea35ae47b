"""Who was erased stays erased: from backups, through crashes, whatever other nodes still know."""

import shutil

import apsw
import pytest

from backstory.encryption.masters import FileMaster
from backstory.errors import GoneError
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.postgres.vault import PostgresVault
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import ANNA, Scene, key

MASTER = FileMaster(bytes(32))
KEPT = "users.2/chat"


@pytest.fixture(params=["encrypted", "plain"])
def opened(request, tmp_path):
    """Opens the store of the test, again and again, and closes what is open at the end."""
    clock = FakeClock()
    masters = [MASTER] if request.param == "encrypted" else []

    async def open_it():
        safe = Safe(lambda: SqliteVault(tmp_path / "s.keys"), masters)
        return Scene(await open_sqlite(tmp_path / "data" / "s.db", clock=clock, safe=safe), clock)

    return open_it


async def talk(scene):
    for name in ("users.1/chat", KEPT):
        await scene.put(name, {"text": f"secretstate of {name}"})
        await scene.append(name, "secretentry", "another")
        await scene.put_content(name, b"secretcontent")


async def test_a_backup_of_the_data_does_not_bring_back_who_was_erased(opened, tmp_path):
    scene = await opened()
    await talk(scene)
    await scene.store.aclose()
    shutil.copytree(tmp_path / "data", tmp_path / "backup")
    scene = await opened()
    erased = await scene.store.erase("acme", "users.1", ANNA)
    await scene.store.aclose()

    shutil.rmtree(tmp_path / "data")
    shutil.copytree(tmp_path / "backup", tmp_path / "data")
    scene = await opened()
    assert await scene.store.is_erased(erased)
    assert await scene.store.view("acme", key("users.1/chat")) is None
    assert await scene.found("secretentry") == {"chat#1"}
    assert await scene.texts(KEPT) == ["secretentry", "another"]
    assert await scene.content(KEPT) == b"secretcontent"
    # It was gone through once, and whoever comes back is not erased again.
    await scene.put("users.1/chat", {"text": "back again"})
    await scene.store.aclose()
    scene = await opened()
    assert await scene.state("users.1/chat") == {"text": "back again"}
    await scene.store.aclose()


async def test_an_erasure_goes_on_where_it_was_interrupted(opened, monkeypatch):
    scene = await opened()
    await talk(scene)

    def fail(*_, **__):
        raise OSError("the power went")

    for step in ("set_fence", "count_erased", "destroy", "end_erasure"):
        with monkeypatch.context() as broken:
            broken.setattr(SqliteVault, step, fail)
            if step != "set_fence":
                await talk_again(scene)
            with pytest.raises(OSError, match="power"):
                await scene.store.erase("acme", "users.1", ANNA)
            unfinished = await scene.store.erasure("acme", "users.1")
            assert unfinished.ended_at is None
            assert not await scene.store.is_erased(unfinished)
        await scene.store.aclose()
        scene = await opened()
        done = await scene.store.erasure("acme", "users.1")
        assert done.number == unfinished.number
        assert await scene.store.is_erased(done)
        assert await scene.store.view("acme", key("users.1/chat")) is None
    assert await scene.texts(KEPT) == ["secretentry", "another"]
    await scene.store.aclose()


async def talk_again(scene):
    await scene.put("users.1/chat", {"text": "once more"})
    await scene.append("users.1/chat", "secretentry")


async def test_what_another_process_writes_meanwhile_is_not_lost(opened):
    one, two = await opened(), await opened()
    await talk(two)
    await two.append("users.1/chat", "the other process knows the key")
    await one.store.erase("acme", "users.1", ANNA)
    await two.put("users.1/new", {"text": "after"})
    await two.append("users.1/new", "too")
    assert await one.state("users.1/new") == {"text": "after"}
    assert await one.texts("users.1/new") == ["too"]
    assert await one.store.view("acme", key("users.1/chat")) is None
    for scene in (one, two):
        await scene.store.aclose()


async def test_the_keys_of_who_was_erased_are_destroyed(tmp_path):
    clock = FakeClock()
    safe = Safe(lambda: SqliteVault(tmp_path / "s.keys"), [MASTER])
    scene = Scene(await open_sqlite(tmp_path / "s.db", clock=clock, safe=safe), clock)
    await talk(scene)
    vault = apsw.Connection(str(tmp_path / "s.keys"))
    asked = "SELECT wrapped FROM data_keys WHERE subject = 'users.1'"
    ((wrapped,),) = vault.execute(asked)
    vault.close()
    erased = await scene.store.erase("acme", "users.1", ANNA)
    assert erased.keys == 1
    with pytest.raises(GoneError):
        safe.cipher.ring.key(safe.vault.keys(0, 1)[0].number - 1)
    await scene.store.aclose()
    assert wrapped not in (tmp_path / "s.keys").read_bytes()
    assert b"users.1" in (tmp_path / "s.keys").read_bytes()  # the list of erasures


async def test_nodes_on_postgresql_write_on_under_a_new_key(postgres_url):
    clock = FakeClock()

    async def node():
        safe = Safe(lambda: PostgresVault(PostgresOptions(postgres_url)), [MASTER])
        return Scene(await open_postgres(postgres_url, clock=clock, safe=safe), clock)

    one, two = await node(), await node()
    await talk(two)
    await two.append("users.1/chat", "this node knows key and counter")
    erased = await one.store.erase("acme", "users.1", ANNA)
    assert (erased.contexts, erased.entries, erased.keys) == (1, 3, 1)
    await two.put("users.1/new", {"text": "after"})
    assert await one.state("users.1/new") == {"text": "after"}
    assert await two.texts(KEPT) == ["secretentry", "another"]
    for scene in (one, two):
        await scene.store.aclose()
    again = await node()
    assert await again.state("users.1/new") == {"text": "after"}
    await again.store.aclose()
