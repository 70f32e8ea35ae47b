"""Both stores find what is damaged in them, and nothing else."""

import asyncio
import sqlite3

import pytest

from backstory import limits
from backstory.encryption.masters import FileMaster
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, key
from postgres_server import sees_all
from scrubs import scrubbed

BODY = b"".join(b"word%d " % number for number in range(40_000))


class Sqlite:
    def __init__(self, path, safe=None):
        self.path, self.safe = path, safe

    async def open(self, clock):
        return await open_sqlite(self.path, clock=clock, safe=self.safe)

    async def spoil(self, statement, *params):
        await asyncio.to_thread(self._spoil, statement, params)

    def _spoil(self, statement, params):
        with sqlite3.connect(self.path) as connection:
            for place in range(len(params), 0, -1):
                statement = statement.replace(f"${place}", f"?{place}")
            assert connection.execute(statement, params).rowcount
        connection.close()


class Postgres:
    def __init__(self, url):
        self.url = url

    async def open(self, clock):
        return await open_postgres(self.url, clock=clock)

    async def spoil(self, statement, *params):
        connection = await sees_all(self.url)
        try:
            assert await connection.execute(statement, *params) != "UPDATE 0"
        finally:
            await connection.close()


@pytest.fixture(params=["sqlite", "encrypted", "postgres"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return Sqlite(tmp_path / "store.db")
    if request.param == "encrypted":
        safe = Safe(lambda: SqliteVault(tmp_path / "store.keys"), [FileMaster(bytes(range(32)))])
        return Sqlite(tmp_path / "store.db", safe)
    return Postgres(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def scene(place):
    """Something of everything: forks, restores, redactions, purges, forgotten versions, content."""
    clock = FakeClock()
    store = await place.open(clock)
    for tenant in ("other", "acme"):
        scene = Scene(store, clock, tenant)
        for name in ("chat", "gone", "forgotten"):
            await scene.put(name)
            for number in range(6):
                await scene.append(name, f"{name} {number}", "and more")
        await scene.fork("chat", "fork", at=4)
        await scene.append("fork", "goes on")
        await scene.redact("chat", 2)
        await scene.restore("chat", 4)
        await scene.append("chat", "goes on")
        await scene.put("doc")
        await scene.put_content("doc", BODY)
        await scene.put("empty")
        await scene.put_content("empty", b"")
        await store.forget(tenant, key("forgotten"), 5)
        await scene.purge("gone")
        await scene.delete("empty")
    yield scene
    await store.aclose()


async def test_what_is_whole_is_found_to_be_whole(scene, monkeypatch):
    damage, count = await scrubbed(scene.store)
    assert damage == []
    # However few are looked at in one step, each is looked at once.
    for name in ("SCRUB_CONTEXTS", "SCRUB_CHANGES", "SCRUB_CHUNKS", "SCRUB_MANIFESTS"):
        monkeypatch.setattr(limits, name, 1)
    assert await scrubbed(scene.store) == ([], count)
    assert count > 60


CHAT = "(SELECT id FROM contexts WHERE name = 'chat' ORDER BY tenant DESC LIMIT 1)"
FIRST_CHUNK = "(SELECT min(id) FROM chunk_bodies)"
SPOILT = {
    "a change in the middle is gone": (
        f"DELETE FROM changes WHERE version = 3 AND context = {CHAT}",
        ("context", "1 changes are missing"),
    ),
    "the newest change is gone": (
        f"DELETE FROM changes WHERE context = {CHAT} AND version >= 10",
        ("context", "is not in the log"),
    ),
    "the oldest change is gone": (
        f"DELETE FROM changes WHERE version = 1 AND context = {CHAT}",
        ("context", "changes begin at version 2, its history at 1"),
    ),
    "a head tells of another commit": (
        f"UPDATE contexts SET commit_id = $1 WHERE id = {CHAT}",
        ("context", "tells of another commit"),
    ),
    "a head counts wrongly": (
        f"UPDATE contexts SET entry_count = entry_count + 1 WHERE id = {CHAT}",
        ("context", "entries and counts"),
    ),
    "an entry is gone": (
        f"DELETE FROM entries WHERE id = ({CHAT} * 4294967296) + 1",
        ("context", "entries are missing"),
    ),
    "positions were handed out twice": (
        "UPDATE counters SET position = position - 1",
        ("log", "beyond position"),
    ),
    "the log ends too early": (
        "UPDATE counters SET position = position + 100",
        ("log", "changes are missing that nobody has forgotten"),
    ),
    "the bytes of a chunk are gone": (
        "DELETE FROM chunk_bodies WHERE id = (SELECT min(id) FROM chunk_bodies)",
        ("chunk", "its bytes are missing"),
    ),
    "the bytes of a chunk are others": (
        f"UPDATE chunk_bodies SET codec = 0, body = $1 WHERE id = {FIRST_CHUNK}",
        ("chunk", "not those of its name"),
    ),
    "a chunk is gone": (
        "DELETE FROM chunks WHERE id = (SELECT max(id) FROM chunks)",
        ("manifest", "chunks are missing"),
    ),
    "a manifest is another": (
        "UPDATE manifest_pages SET body = $1 WHERE manifest = (SELECT min(id) FROM manifests)",
        ("manifest", "not those of its root"),
    ),
    "the manifest of a context is gone": (
        "DELETE FROM manifests WHERE id = (SELECT min(id) FROM manifests)",
        ("context", "the manifest of its content is missing"),
    ),
}


@pytest.mark.parametrize("what", SPOILT)
async def test_what_is_damaged_is_found(scene, place, what):
    statement, (kind, detail) = SPOILT[what]
    await place.spoil(statement, *((b"spoilt",) if "$1" in statement else ()))
    damage, _ = await scrubbed(scene.store)
    assert any(one.what == kind and says(one, detail) for one in damage), damage
    # Nothing of names or text is told.
    assert not any(word in str(one) for one in damage for word in ("chat", "doc", "users", "goes"))
    # And nothing is mended.
    assert (await scrubbed(scene.store))[0] == damage


def says(one, detail):
    """What is encrypted tells by itself that it was changed."""
    return detail in one.detail or "changed or does not belong here" in one.detail


async def test_a_change_of_no_context_is_found(scene, place):
    await place.spoil(f"DELETE FROM contexts WHERE id = {CHAT}")
    damage, _ = await scrubbed(scene.store)
    assert any("are of no context" in one.detail for one in damage), damage


@pytest.mark.parametrize(
    "what", ["the bytes of a chunk are gone", "the bytes of a chunk are others"]
)
async def test_content_that_is_sent_anew_mends_its_chunks(place, what):
    clock = FakeClock()
    store = await place.open(clock)
    scene = Scene(store, clock)
    await scene.put("doc")
    await scene.put_content("doc", BODY)
    kept = await store.usage("acme")
    await store.aclose()
    statement, _ = SPOILT[what]
    await place.spoil(statement, *((b"spoilt",) if "$1" in statement else ()))
    store = await place.open(clock)
    scene = Scene(store, clock)
    assert (await scrubbed(store))[0] != []
    await scene.put_content("doc", BODY, "text/markdown")
    assert (await scrubbed(store))[0] == []
    # Nothing is counted twice but the new version's own row.
    assert 0 < (await store.usage("acme")).bytes - kept.bytes < 100
    await store.aclose()
