"""A whole store goes from a file to a database and back, and tells the same of its past."""

import asyncio
import json

import pytest
from click.testing import CliRunner

import whole_stores
from backstory.cli import main
from backstory.storage.postgres.store import open_store as open_server
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


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


async def test_the_report_is_for_scripts_too(origin, tmp_path):
    file, new = tmp_path / "all.jsonl", f"sqlite:///{tmp_path}/new.db"
    done = await command("export", "--history", "--store", origin, "-o", file, "--json")
    said = json.loads(done.stdout)
    assert (said["tenants"], said["output"]) == (2, str(file))
    again = json.loads((await command("import", "history", file, "--store", new, "--json")).stdout)
    assert {name: again[name] for name in said if name != "output"} == {
        name: said[name] for name in said if name != "output"
    }
