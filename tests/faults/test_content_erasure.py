"""Erased content is in none of the store's files: neither its bytes nor what names them."""

import asyncio
import random
import threading

import apsw
import pytest

from backstory.domain.chunking import cut
from backstory.domain.content import Manifest
from backstory.errors import MissingError
from backstory.storage.sqlite import SqliteOptions, open_store, writer
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, key

STEP = 509  # bytes between the samples that are looked for
SAMPLE = 24


@pytest.fixture
async def scene(tmp_path):
    clock = FakeClock()
    store = await open_store(SqliteOptions(tmp_path / "s.db"), clock=clock)
    yield Scene(store, clock)
    await store.aclose()


@pytest.fixture
def files(tmp_path):
    """All bytes of all files of the store."""

    def read():
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))

    return read


@pytest.fixture
def bodies(tmp_path):
    """What the store has of chunks: bodies as they are stored, and keyed names."""

    def read():
        connection = apsw.Connection(str(tmp_path / "s.db"))
        rows = connection.execute(
            "SELECT c.hash, b.body FROM chunks AS c JOIN chunk_bodies AS b ON b.id = c.id"
        ).fetchall()
        connection.close()
        return dict(rows)

    return read


def samples(raw):
    return {raw[at : at + SAMPLE] for at in range(0, max(len(raw) - SAMPLE, 1), STEP)}


def traces(chunks, bodies, stays):
    """Everything by which chunks could be recognised, but for bytes that others share."""
    found = set(bodies)
    for body in bodies.values():
        found |= samples(body)
    for chunk in chunks:
        found |= {chunk.ref.hash} | samples(chunk.data)
    return {trace for trace in found if trace not in stays}


def left(traces, raw):
    return {trace for trace in traces if trace in raw}


def prose(source, size):
    words = [f"{source.getrandbits(30):x}" for _ in range(2000)]
    return " ".join(source.choices(words, k=size // 5)).encode()[:size]


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_byte_of_purged_content_is_left(scene, files, bodies, seed):
    source = random.Random(seed)
    for name in ("keep", "a", "b"):
        await scene.put(name)
    shared = prose(source, 200_000)
    await scene.put_content("keep", shared)
    kept = bodies()
    secret = source.randbytes(150_000)
    await scene.put_content("a", shared + secret)
    await scene.put_content("b", prose(source, 300_000))
    await scene.put_content("a", secret[:80_000])
    await scene.keep("a", secret[70_000:], b"half an upload 1")
    gone = {name: body for name, body in bodies().items() if name not in kept}
    chunks = {*cut(shared + secret), *cut(secret), *cut(secret[70_000:])} - {*cut(shared)}
    looked_for = traces(chunks, gone, shared + b"".join(kept.values()))
    assert len(left(looked_for, files())) > 500
    await scene.purge("a")
    await scene.purge("b")
    assert left(looked_for, files()) == set()
    assert await scene.content("keep") == shared


async def test_forgotten_content_is_gone_and_what_is_left_is_whole(scene, files, bodies):
    source = random.Random(3)
    await scene.put("doc")
    old, new = source.randbytes(200_000), source.randbytes(200_000)
    await scene.put_content("doc", old + new)
    before = bodies()
    await scene.put_content("doc", new)
    root = Manifest.of(chunk.ref for chunk in cut(old + new)).root
    await scene.store.forget(scene.tenant, key("doc"), 3)
    stays = {chunk.ref for chunk in cut(new)}
    lost = [chunk for chunk in cut(old + new) if chunk.ref not in stays]
    gone = {name: body for name, body in before.items() if name not in bodies()}
    assert len(gone) == len(lost) > 5
    assert left(traces(lost, gone, new) | {root}, files()) == set()
    assert await scene.content("doc") == new


async def test_a_fork_keeps_content_from_being_erased(scene, files):
    data = random.Random(4).randbytes(100_000)
    await scene.put("doc")
    await scene.put_content("doc", data)
    await scene.fork("doc", "copy")
    await scene.purge("doc")
    assert await scene.content("copy") == data
    await scene.purge("copy")
    assert left(samples(data), files()) == set()


LARGE = random.Random(7).randbytes(20_000_000)


@pytest.fixture
def gate(monkeypatch):
    """Each transaction that erases waits for a permit."""
    permits, erase = threading.Semaphore(0), writer.erase_some

    def gated(tx):
        assert permits.acquire(timeout=30)
        return erase(tx)

    monkeypatch.setattr(writer, "erase_some", gated)
    return permits


async def let_through(gate, task):
    """What the task comes to, with as few permits as it needs."""
    while not task.done():
        gate.release()
        await asyncio.wait({task}, timeout=0.05)
    return await task


@pytest.mark.operations
async def test_others_write_while_large_content_is_purged_and_nobody_reads_it(
    scene, files, bodies, gate
):
    for name in ("doc", "other", "again"):
        await scene.put(name)
    await scene.put_content("doc", LARGE)
    root = (await scene.view("doc")).snapshot.head.content.root
    gone = bodies()
    purging = asyncio.create_task(scene.purge("doc"))
    await let_through(gate, asyncio.create_task(scene.append("other", "in between")))
    assert not purging.done()
    assert len(bodies()) > len(gone) / 2  # most of it is still there,
    for read in (  # and nobody finds it
        scene.store.manifest(scene.tenant, root),
        scene.store.read_content(scene.tenant, root, 0, 1),
        scene.store.read_chunk(scene.tenant, root, cut(LARGE)[-1].ref.hash),
    ):
        with pytest.raises(MissingError):
            await read
    # What is stored meanwhile under the same names stays whole.
    kept = LARGE[-300_000:]
    await let_through(gate, asyncio.create_task(scene.put_content("again", kept)))
    assert not purging.done()
    for _ in range(10_000):
        gate.release()
    await purging
    assert await scene.content("again") == kept
    stays = files()
    lost = {body[100:124] for name, body in gone.items() if name not in bodies()}
    lost -= {trace for trace in lost if trace in kept}  # it is cut otherwise at its beginning
    assert len(lost) > 200
    assert left(lost, stays) == set()
    assert len(bodies()) == len(cut(kept))


async def test_a_purge_that_was_cut_off_goes_on_at_the_next_start(tmp_path, bodies, monkeypatch):
    options, clock = SqliteOptions(tmp_path / "s.db"), FakeClock()
    first = await open_store(options, clock=clock)
    scene = Scene(first, clock)
    for name in ("doc", "sent"):
        await scene.put(name)
    await scene.put_content("doc", LARGE[:3_000_000])
    await scene.keep("sent", LARGE[-3_000_000:])
    monkeypatch.setattr(writer, "erase_some", lambda tx: False)
    for name in ("doc", "sent"):
        await scene.purge(name)
    await first.aclose()
    assert len(bodies()) > 100
    monkeypatch.undo()
    second = await open_store(options, clock=clock)
    await Scene(second, clock).put("later")
    await second.aclose()
    assert bodies() == {}
