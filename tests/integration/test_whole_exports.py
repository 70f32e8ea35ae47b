"""A whole store goes from a file to a database and back, and tells the same of its past."""

import asyncio
import json

import pytest
from click.testing import CliRunner

import whole_stores
from backstory.cli import main
from backstory.config import ServerUrl, load
from backstory.storage.postgres.store import open_store as open_server
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.testing import FakeClock
from backstory.testing.scene import ANNA, Scene
from backstory.wiring.stores import safe_in_file, safe_on_server


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


async def command(*arguments):
    done = await asyncio.to_thread(run, *arguments)
    assert done.exit_code == 0, done.stderr
    return done


async def refused(code, *arguments):
    done = await asyncio.to_thread(run, *arguments)
    assert done.exit_code == 1
    assert done.stderr.endswith(f"({code})\n")
    assert done.stderr.count("\n") == 1


async def opened(url, tenant="acme", clock=None):
    clock = clock or FakeClock()
    path = url.removeprefix("sqlite:///")
    store = await (open_server(url) if path == url else open_store(path, clock=clock))
    return Scene(store, clock, tenant)


async def told(url):
    """What both tenants of a store can be told, and its epoch."""
    found = []
    for tenant in ("acme", "other"):
        scene = await opened(url, tenant)
        found.append(await whole_stores.told(scene))
        life = scene.store.epoch, scene.store.first_epoch
        await scene.store.aclose()
    return found, life


@pytest.fixture
async def origin(tmp_path):
    """A file in which two tenants have written by turns."""
    url, clock = f"sqlite:///{tmp_path}/origin.db", FakeClock()
    first = await opened(url, clock=clock)
    second = Scene(first.store, clock, "other")
    await second.put("before", {"a": 1})
    await whole_stores.fill(first)
    await whole_stores.fill(second)
    await first.store.aclose()
    return url


async def moved(source, target, file):
    """By a file; its path."""
    await command("export", "--history", "--store", source, "-o", file)
    return await command("import", "history", file, "--store", target)


async def test_a_store_goes_to_a_database_and_back_with_all_of_its_past(
    origin, postgres_url, tmp_path
):
    before, life = await told(origin)
    back = f"sqlite:///{tmp_path}/back.db"
    done = await moved(origin, postgres_url, tmp_path / "there.jsonl")
    assert f"epoch {life[0]} has ended" in done.stdout
    there, new_life = await told(postgres_url)
    assert there == before
    assert new_life[0] != life[0]
    assert new_life[1] is False
    await moved(postgres_url, back, tmp_path / "back.jsonl")
    again, _ = await told(back)
    assert again == before
    for url in (postgres_url, back):
        assert "all whole" in (await command("scrub", "--store", url)).stdout
        assert (await whole_stores.goes_on(await opened(url))) is True


async def test_an_export_that_is_not_whole_changes_nothing(origin, postgres_url, tmp_path):
    file, new = tmp_path / "all.jsonl", tmp_path / "new.db"
    await command("export", "--history", "--store", origin, "-o", file)
    assert file.stat().st_mode & 0o077 == 0
    lines = file.read_bytes().splitlines(keepends=True)
    entries = next(n for n, line in enumerate(lines) if b'"table":"entries"' in line)
    changed = lines[entries].replace(b"user", b"usex", 1).replace(b"[1,", b"[2,", 1)
    bad = {
        "cut": lines[:-1],
        "cut in a line": [*lines[:-2], lines[-2][:50]],
        "a line less": lines[:entries] + lines[entries + 1 :],
        "altered": [
            *lines[:entries],
            changed.replace(b'"rows":[[', b'"rows":[[0,'),
            *lines[entries + 1 :],
        ],
        "more": [*lines, lines[-2]],
        "nothing": [],
        "no export": [b'{"role": "user", "content": "Hello"}\n'],
    }
    for what, left in bad.items():
        (tmp_path / "bad.jsonl").write_bytes(b"".join(left))
        for url in (f"sqlite:///{new}", postgres_url):
            await refused(
                "backup_unusable", "import", "history", tmp_path / "bad.jsonl", "--store", url
            )
        assert not [one for one in tmp_path.iterdir() if one.name.startswith("new.db")], what
    await command("import", "history", file, "--store", postgres_url)


async def test_a_store_that_has_something_takes_no_other(origin, postgres_url, tmp_path):
    file = tmp_path / "all.jsonl"
    before, _ = await told(origin)
    await command("export", "--history", "--store", origin, "-o", file)
    await refused("conflict", "import", "history", file, "--store", origin)
    assert (await told(origin))[0] == before
    await command("import", "history", file, "--store", postgres_url)
    await refused("conflict", "import", "history", file, "--store", postgres_url)


async def test_what_comes_into_an_encrypted_store_is_encrypted(origin, tmp_path):
    (tmp_path / "master.key").write_text("07" * 32)
    key = ("--master-key", f"file:{tmp_path}/master.key")
    file, new = tmp_path / "all.jsonl", tmp_path / "new.db"
    await command("export", "--history", "--store", origin, "-o", file)
    await command("import", "history", file, "--store", f"sqlite:///{new}", *key)
    assert b"swordfish" not in new.read_bytes()
    await refused("conflict", "export", "--history", "--store", f"sqlite:///{new}")


class Keyed:
    """A store that encrypts from its first row on, in a file or a database."""

    def __init__(self, url, folder):
        self.url, self.master = url, folder / "master.key"
        self.master.write_text("07" * 32)
        self.flags = ("--store", url, "--master-key", f"file:{self.master}")

    async def opened(self, tenant="acme", clock=None):
        settings = load({"store": self.url, "master_key": f"file:{self.master}"}, environ={})
        clock = clock or FakeClock()
        if isinstance(settings.store, ServerUrl):
            store = await open_server(self.url, clock=clock, safe=safe_on_server(settings))
        else:
            options = SqliteOptions(settings.store.path)
            store = await open_store(options, clock=clock, safe=safe_in_file(settings, options))
        return Scene(store, clock, tenant)

    async def told(self):
        found = []
        for tenant in ("acme", "other"):
            scene = await self.opened(tenant)
            view = await whole_stores.told(scene)
            shared = [await scene.content(f"users.{n}/same") for n in (1, 2)]
            usage = await scene.store.usage(tenant)
            found.append((view, shared, usage.contexts))
            await scene.store.aclose()
        return found


async def told_plainly(url):
    found = []
    for tenant in ("acme", "other"):
        scene = await opened(url, tenant)
        view = await whole_stores.told(scene)
        shared = [await scene.content(f"users.{n}/same") for n in (1, 2)]
        usage = await scene.store.usage(tenant)
        assert await scene.store.recount(tenant) == usage
        found.append((view, shared, usage.contexts))
        await scene.store.aclose()
    return found


@pytest.fixture(params=["file", "database"])
async def keyed(request, tmp_path, postgres_url):
    """An encrypted store in which two tenants have written by turns, and subjects the same."""
    url = f"sqlite:///{tmp_path}/keyed.db" if request.param == "file" else postgres_url
    store, clock = Keyed(url, tmp_path), FakeClock()
    first = await store.opened(clock=clock)
    for scene in (Scene(first.store, clock, "other"), first):
        await whole_stores.fill(scene)
        for n in (1, 2):
            await scene.put(f"users.{n}/same", {"n": n})
            await scene.put_content(f"users.{n}/same", b"what both of them kept " * 20_000)
    await first.store.aclose()
    return store


async def test_an_encrypted_store_is_moved_in_clear_text_by_whoever_asks_for_that(keyed, tmp_path):
    before = await keyed.told()
    file = tmp_path / "clear.jsonl"
    await refused("conflict", "export", "--history", *keyed.flags, "-o", file)
    without = ("export", "--history", "--decrypt", "--store", keyed.url, "-o", file)
    await refused("key_unusable", *without)
    (tmp_path / "other.key").write_text("08" * 32)
    await refused("key_unusable", *without, "--master-key", f"file:{tmp_path}/other.key")
    assert not file.exists()
    done = await command("export", "--history", "--decrypt", *keyed.flags, "-o", file)
    assert "all of it in clear text" in done.stderr
    assert file.stat().st_mode & 0o077 == 0
    plain, again = f"sqlite:///{tmp_path}/plain.db", tmp_path / "again"
    await command("import", "history", file, "--store", plain)
    assert await told_plainly(plain) == before
    again.mkdir()
    other = Keyed(f"sqlite:///{again}/keyed.db", again)
    other.master.write_text("09" * 32)
    await command("import", "history", file, *other.flags)
    assert await other.told() == before
    assert b"swordfish" not in (again / "keyed.db").read_bytes()
    assert "encrypted: all rows" in (await command("keys", "status", *other.flags)).stdout
    for flags in (("--store", plain), other.flags):
        assert "all whole" in (await command("scrub", *flags)).stdout
    assert (await whole_stores.goes_on(await other.opened())) is True


async def test_what_lies_under_a_destroyed_key_is_told_as_redacted(tmp_path):
    store = Keyed(f"sqlite:///{tmp_path}/keyed.db", tmp_path)
    scene = await store.opened()
    await scene.put("users.9/chat")
    await scene.append("users.9/chat", "theirs")
    await scene.put_content("users.9/chat", b"their content " * 9_000)
    await scene.fork("users.9/chat", "teams.1/fork")
    await scene.append("teams.1/fork", "ours")
    await scene.store.erase(scene.tenant, "users.9", ANNA)
    while await scene.store.sweep(scene.clock.now()):
        pass
    await scene.store.aclose()
    file, plain = tmp_path / "clear.jsonl", f"sqlite:///{tmp_path}/plain.db"
    await command("export", "--history", "--decrypt", *store.flags, "-o", file)
    assert b"theirs" not in file.read_bytes()
    await command("import", "history", file, "--store", plain)
    scene = await opened(plain)
    assert "ours" in await scene.texts("teams.1/fork")
    await scene.store.aclose()


async def test_the_report_is_for_scripts_too(origin, tmp_path):
    file, new = tmp_path / "all.jsonl", f"sqlite:///{tmp_path}/new.db"
    done = await command("export", "--history", "--store", origin, "-o", file, "--json")
    said = json.loads(done.stdout)
    assert (said["tenants"], said["output"]) == (2, str(file))
    again = json.loads((await command("import", "history", file, "--store", new, "--json")).stdout)
    assert {name: again[name] for name in said if name != "output"} == {
        name: said[name] for name in said if name != "output"
    }
