"""Who was erased stays erased: from backups, through crashes, whatever other nodes still know."""

import shutil

import apsw
import pytest

from backstory import limits
from backstory.caching.memory import MemoryCache
from backstory.caching.store import CachedStore
from backstory.domain.principals import Author, Trust
from backstory.encryption.masters import FileMaster
from backstory.errors import GoneError
from backstory.ports.events import OK, Acted
from backstory.ports.store import EntryQuery
from backstory.security.auditing.sealing import Auditor
from backstory.security.auditing.verifying import verify
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.postgres.vault import PostgresVault
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import ANNA, Scene, key
from postgres_server import sees_all

MASTER = FileMaster(bytes(32))
KEPT = "users.2/chat"
NAMED = Author("secretname", Trust.USER)
HOME = "users.secretname"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody remembers names for long, and so nobody waits for that for long."""
    monkeypatch.setattr(limits, "NAMES_SECONDS", 0.01)


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


async def talk_with_others(scene):
    """Whoever is erased wrote with others, at home, and was told of in the audit trail."""
    await scene.put("teams.1/chat")
    await scene.append("teams.1/chat", "one", "two", author=NAMED)
    await scene.put(f"{HOME}/own")
    await scene.append(f"{HOME}/own", "three", author=NAMED)
    await scene.fork(f"{HOME}/own", "teams.1/fork")
    auditor = Auditor(scene.store, scene.store.secret, scene.clock)
    auditor.hear(Acted("acme", NAMED.subject, "", "do", "read", ("teams.1/chat",), OK, ""))
    await auditor.seal("acme")
    return auditor


async def test_no_byte_of_the_name_is_left_in_the_files_of_the_data(opened, tmp_path):
    scene = await opened()
    auditor = await talk_with_others(scene)
    files = sorted((tmp_path / "data").iterdir())
    assert b"secretname" in b"".join(path.read_bytes() for path in files)
    erased = await scene.store.erase("acme", HOME, NAMED)
    # Another node hears of the request, or of what was before it, only now.
    auditor.hear(Acted("acme", NAMED.subject, "", "erase", "admin", (f"{HOME}.*",), OK, ""))
    await auditor.seal("acme")
    assert (await verify(scene.store, scene.store.secret, "acme")).findings == []
    assert await scene.store.is_erased(erased)
    assert await scene.texts("teams.1/chat") == ["one", "two"]
    assert b"secretname" not in b"".join(path.read_bytes() for path in files if path.exists())
    await scene.store.aclose()
    assert b"secretname" not in b"".join(
        path.read_bytes() for path in (tmp_path / "data").iterdir()
    )


async def test_a_backup_does_not_bring_the_name_back(opened, tmp_path):
    scene = await opened()
    await talk_with_others(scene)
    await scene.store.aclose()
    shutil.copytree(tmp_path / "data", tmp_path / "backup")
    scene = await opened()
    erased = await scene.store.erase("acme", HOME, ANNA)
    await scene.store.aclose()
    shutil.rmtree(tmp_path / "data")
    shutil.copytree(tmp_path / "backup", tmp_path / "data")
    scene = await opened()
    assert await scene.store.is_erased(erased)
    assert {one.author.subject[:7] for one in await scene.entries("teams.1/chat")} == {"erased-"}
    await scene.store.aclose()


async def test_the_name_is_in_no_table_of_postgresql_and_no_node_shows_it(postgres_url):
    clock = FakeClock()
    one, two = [Scene(await open_postgres(postgres_url, clock=clock), clock) for _ in range(2)]
    await talk_with_others(one)
    assert NAMED in {entry.author for entry in await two.entries("teams.1/chat")}
    await two.append("teams.1/chat", "this node knows the number", author=NAMED)
    await one.store.erase("acme", HOME, NAMED)
    for scene in (one, two):
        assert NAMED not in {entry.author for entry in await scene.entries("teams.1/chat")}
        assert NAMED not in {change.by for change in await scene.changes()}
    connection = await sees_all(postgres_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        for asked in ("secretname", b"secretname".hex()):
            found = f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%{asked}%'"
            assert await connection.fetchval(found) == 0, table
    await connection.close()
    await two.append("teams.1/chat", "who comes back", author=NAMED)
    assert [entry.author == NAMED for entry in await one.entries("teams.1/chat")] == [
        False, False, False, True,
    ]  # fmt: skip
    for scene in (one, two):
        await scene.store.aclose()


async def test_caches_have_the_name_no_more(postgres_url):
    """Those of other nodes too, and although no version was made."""
    clock = FakeClock()
    shared = MemoryCache(2**20)
    nodes = []
    for _ in range(2):
        store = await open_postgres(postgres_url, clock=clock)
        nodes.append(Scene(CachedStore(store, shared, clock, shared=True), clock))
    one, two = nodes
    await one.put("teams.1/chat")
    await one.append("teams.1/chat", "one", "two", author=NAMED)
    query = EntryQuery(limit=10)

    async def authors(scene):
        view, page = await scene.store.view_and_page("acme", key("teams.1/chat"), query)
        return {view.snapshot.head.author, *(entry.author for entry in page.entries)}

    for scene in nodes:
        assert NAMED in await authors(scene)
    await one.store.erase("acme", HOME, ANNA)
    for scene in (two, one, two):
        assert NAMED not in await authors(scene)
    for scene in nodes:
        await scene.store.aclose()
