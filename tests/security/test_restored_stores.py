"""A restored store opens with its keys only, and obeys the list of erasures that is beside it."""

import asyncio

import pytest

from backstory.config import load
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import ConflictError, KeyUnusableError, MissingError
from backstory.storage.sqlite import SqliteOptions
from backstory.testing import FakeClock
from backstory.testing.scene import ANNA, Scene
from backstory.wiring import back_up, back_up_keys, open_contexts, restore_backup

OLD, NEW = "old/s.db", "new/s.db"


def unheard(done, total):
    """Nobody watches."""


@pytest.fixture(params=["encrypted", "plain"])
def keyed(request, tmp_path):
    """Settings that name a master key, or none."""
    if request.param == "plain":
        return {}
    (tmp_path / "master.key").write_text("07" * 32)
    return {"master_key": f"file:{tmp_path / 'master.key'}"}


@pytest.fixture
def settings(keyed, tmp_path):
    """Those of a store in the test's folder."""
    return lambda name, **more: load({"store": f"sqlite:///{tmp_path}/{name}"} | keyed | more)


async def do(settings, work):
    """Something on the store, opened and closed again."""
    async with open_contexts(settings, sweep=False) as contexts:
        return await work(Scene(contexts.store, FakeClock(), LOCAL_ADMIN.tenant))


async def talk(scene):
    for name in ("users.1/chat", "users.2/chat"):
        await scene.put(name)
        await scene.append(name, "swordfish")


async def names(scene):
    found = [change.key for change in await scene.changes() if change.key is not None]
    return {str(key) for key in found}


async def erase(scene):
    await scene.store.erase(LOCAL_ADMIN.tenant, "users.1", ANNA)


@pytest.fixture
async def backup(settings, tmp_path):
    """Taken before somebody was erased; there was a list of erasures already."""
    await do(settings(OLD), talk)
    await do(settings(OLD), lambda scene: scene.store.erase(scene.tenant, "users.9", ANNA))
    about = await asyncio.to_thread(back_up, settings(OLD), tmp_path / "s.bak", unheard)
    assert (about.listed, about.encrypted) == (True, bool(settings(OLD).master_key))
    await do(settings(OLD), erase)
    return tmp_path / "s.bak"


def restore(settings, source, *, keyless=False):
    return restore_backup(settings, source, unheard, replace=False, keyless=keyless)


async def test_who_was_erased_stays_erased_where_the_list_is_copied_along(
    backup, settings, tmp_path
):
    (tmp_path / "new").mkdir()
    copied = tmp_path / f"{NEW}.keys"
    await asyncio.to_thread(back_up_keys, settings(OLD), copied)
    assert copied.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConflictError, match="is there already"):
        await asyncio.to_thread(back_up_keys, settings(OLD), copied)
    await asyncio.to_thread(restore, settings(NEW), backup)
    assert await do(settings(NEW), names) == {"users.2/chat"}


async def test_who_was_erased_stays_erased_where_the_list_is_named(backup, settings, tmp_path):
    new = settings(NEW, keys=f"sqlite:///{tmp_path}/{OLD}.keys")
    await asyncio.to_thread(restore, new, backup)
    assert await do(new, names) == {"users.2/chat"}


async def test_without_its_keys_and_its_list_a_backup_is_restored_only_on_demand(
    backup, settings, tmp_path
):
    new = settings(NEW)
    with pytest.raises(ConflictError, match=r"keys and the list of erasures.*--without-keys"):
        await asyncio.to_thread(restore, new, backup)
    assert not SqliteOptions(tmp_path / NEW).path.exists()
    await asyncio.to_thread(restore, new, backup, keyless=True)
    if new.master_key:
        with pytest.raises(KeyUnusableError):  # new keys open nothing of it
            await do(new, names)
    else:
        assert await do(new, names) == {"users.1/chat", "users.2/chat"}


async def test_there_may_be_no_keys_to_copy(settings, tmp_path):
    (tmp_path / "old").mkdir()
    with pytest.raises(MissingError, match="nobody was erased"):
        await asyncio.to_thread(back_up_keys, settings(OLD), tmp_path / "keys.bak")
