"""What was erased is in none of the store's files, whatever SQLite did with its pages."""

import random
import re

import apsw
import pytest

from backstory.clock import SECOND
from backstory.domain.commits import Idempotency, Purge, Redact
from backstory.errors import OutcomeUnknownError
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.testing import FakeClock
from backstory.testing.faults import FaultyDisk
from backstory.testing.scene import Scene, entry, key, summary

WORDS = [f"w{n:03d}" for n in range(400)]
SECRET = re.compile(rb"(?:secret|s3cr3t)[a-z0-9]{4,}")


@pytest.fixture(params=["search", "no search"])
async def scene(tmp_path, request):
    clock = FakeClock()
    options = SqliteOptions(tmp_path / "s.db", search=request.param == "search")
    store = await open_store(options, clock=clock)
    yield Scene(store, clock)
    await store.aclose()


@pytest.fixture
def files(tmp_path):
    """All bytes of all files of the store."""

    def read():
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))

    return read


def secrets_in(raw):
    return {match.decode() for match in SECRET.findall(raw)}


def chatter(rng, mark=""):
    """Short texts lie in the file as they are, long ones compressed."""
    words = rng.choices(WORDS, k=rng.choice([3, 12, 20, 200]))
    if mark:
        words.insert(rng.randrange(len(words)), mark)
    return " ".join(words)


async def talk(scene, rng, turns):
    """Conversations that grow side by side, so that their rows lie between one another's."""
    names = [f"keep{n}" for n in range(6)] + [f"secretname{n}" for n in range(6)]
    for name in names:
        labels = (f"secretlabel{name[10:]}x",) if name.startswith("secret") else ("plain",)
        text = f"secretstate{name[10:]}x" if name.startswith("secret") else "plain"
        await scene.put(name, {"text": text, "n": 0}, labels=labels)
    for n in range(turns):
        name = rng.choice(names)
        secret = name.startswith("secret")
        if rng.random() < 0.2:
            text = f"secretpatch{n:05d}" if secret else f"plain {n}"
            await scene.patch(name, {"text": f"{text} {chatter(rng)}"})
            continue
        mark = f"secrettext{n:05d}" if secret else f"plain{n}"
        metadata = {"m": f"secretmeta{n:05d}"} if secret else {"m": n}
        entry_id = f"secretid{n:05d}" if secret else f"id{n}"
        await scene.append(name, entry(chatter(rng, mark), entry_id, metadata=metadata))
    return [name for name in names if name.startswith("secret")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_byte_of_purged_contexts_is_left(scene, files, seed):
    rng = random.Random(seed)
    names = await talk(scene, rng, turns=700)
    assert len(secrets_in(files())) > 500
    rng.shuffle(names)
    await scene.do(*(Purge(key(name)) for name in names[:2]))
    for name in names[2:]:
        await scene.purge(name)
    assert secrets_in(files()) == set()
    assert await scene.texts("keep0") != []


async def test_erased_words_do_not_stay_behind_as_signposts_of_the_index(scene, files, tmp_path):
    """So many different words that some stand first on their page of the index."""
    for name, mark in (("keep", "plain"), ("chat", "secret")):
        await scene.put(name)
        for start in range(0, 2000, 100):
            numbers = range(start, start + 100)
            await scene.append(name, *(f"{mark}{n * 7919 % 100_003:06d}" for n in numbers))
    for seq in range(1, 200):
        await scene.redact("chat", seq)
    redacted = {f"secret{n * 7919 % 100_003:06d}" for n in range(199)}
    assert not secrets_in(files()) & redacted
    await scene.purge("chat")
    assert secrets_in(files()) == set()
    connection = apsw.Connection(str(tmp_path / "s.db"))
    connection.set_busy_timeout(10_000)
    connection.execute("INSERT INTO entry_words (entry_words) VALUES ('integrity-check')")
    connection.close()
    if scene.store._options.search:
        for n in range(0, 2000, 100):
            assert await scene.found(f"plain{n * 7919 % 100_003:06d}") == {f"keep#{n + 1}"}


async def test_a_purge_right_after_the_write_finds_the_text_in_the_log_too(scene, files):
    for n in range(20):
        await scene.put("chat", {"text": f"secretstate{n:04d}"})
        await scene.append("chat", f"secrettext{n:04d} and more")
        await scene.purge("chat")
        assert secrets_in(files()) == set()


async def test_no_byte_of_a_redacted_entry_is_left(scene, files):
    await scene.put("chat")
    for n in range(60):
        text = f"secrettext{n:04d} and a few words more"
        await scene.append("chat", entry(text, metadata={"m": f"secretmeta{n:04d}"}))
    await scene.fork("chat", "fork")
    for n in range(0, 60, 2):
        await scene.redact("fork", n + 1)
    expected = {f"secret{what}{n:04d}" for n in range(1, 60, 2) for what in ("text", "meta")}
    assert secrets_in(files()) == expected


async def test_no_byte_of_a_forgotten_past_is_left(scene, files):
    await scene.put("chat", {"text": "secretstate0000"})
    for n in range(1, 40):
        await scene.patch("chat", {"text": f"secretstate{n:04d}", "pad": "x" * 90})
        await scene.append("chat", f"secrettext{n:04d}")
    await scene.restore("chat", 41)
    await scene.patch("chat", {"text": "present"})
    version = (await scene.view("chat")).snapshot.head.version
    await scene.store.forget(scene.tenant, key("chat"), version)
    assert secrets_in(files()) == {f"secrettext{n:04d}" for n in range(1, 21)}


async def test_what_expired_and_was_forgotten_is_gone(scene, files):
    await scene.put(
        "chat", {"text": "secretstate1"}, expires_at=scene.clock.now() + SECOND, labels=("x",)
    )
    await scene.append("chat", "secrettext1")
    now = scene.clock.advance(seconds=2)
    assert await scene.store.sweep(now) == 1
    await scene.store.forget(scene.tenant, key("chat"), 3)
    assert secrets_in(files()) == set()


async def test_a_purge_takes_inherited_text_only_when_nobody_else_shows_it(scene, files):
    await scene.put("a")
    await scene.append("a", "secrettextone", "secrettexttwo")
    await scene.fork("a", "b", at=2)
    await scene.append("a", "secrettextthree")
    await scene.fork("b", "c")
    await scene.purge("a")
    assert secrets_in(files()) == {"secrettextone", "secrettexttwo"}
    await scene.purge("b")
    assert secrets_in(files()) == {"secrettextone", "secrettexttwo"}
    await scene.purge("c")
    assert secrets_in(files()) == set()


async def test_idempotency_keeps_no_text(scene, files):
    await scene.put("secretname1x")
    purge = Purge(key("secretname1x"))
    retry = Idempotency(b"k" * 16, b"r")
    first = await scene.do(purge, idempotency=retry)
    assert (await scene.do(purge, idempotency=retry)).results[0].version == 2
    assert first.results[0].version == 2
    assert secrets_in(files()) == set()


async def test_an_erasure_cut_off_by_a_crash_is_finished_at_the_next_start(tmp_path, files):
    clock = FakeClock()
    store = await open_store(tmp_path / "s.db", clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    await scene.append("chat", *(f"secrettext{n:04d}" for n in range(300)))
    await store.aclose()
    crashed = apsw.Connection(str(tmp_path / "s.db"))
    crashed.execute("INSERT INTO erasures (tenant, log, first, last) VALUES (1, 1, 1, 300)")
    crashed.close()
    store = await open_store(tmp_path / "s.db", clock=clock)
    scene = Scene(store, clock)
    await scene.put("other")
    await scene.append("other", "text")
    await scene.redact("other", 1)
    assert await scene.texts("chat") == []
    assert secrets_in(files()) == set()
    await store.aclose()


async def test_an_erasure_that_the_disk_cuts_off_is_not_called_done(tmp_path, files):
    clock, disk = FakeClock(), FaultyDisk()
    store = await open_store(SqliteOptions(tmp_path / "s.db", vfs=disk.name), clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    await scene.append("chat", *(f"secrettext{n:04d}" for n in range(300)))
    wanted = scene.commit(Purge(key("chat")), idempotency=Idempotency(b"k" * 16, b"r"))
    disk.fail_after("sync", 1)
    with pytest.raises(OutcomeUnknownError):
        await store.commit(wanted)
    disk.fail_after("sync", None)
    assert await store.snapshot(scene.tenant, key("chat")) is None
    assert (await store.commit(wanted)).replayed
    assert secrets_in(files()) == set()
    await store.aclose()


async def test_a_purge_that_a_reader_holds_back_says_so_and_is_finished_later(
    tmp_path, files, monkeypatch
):
    from backstory import limits

    monkeypatch.setattr(limits, "WIPE_SECONDS", 0.02)
    monkeypatch.setattr(limits, "WIPE_RETRY_SECONDS", 1000)
    clock = FakeClock()
    store = await open_store(tmp_path / "s.db", clock=clock)
    scene = Scene(store, clock)
    await scene.put("chat")
    await scene.append("chat", "secrettext1", "secrettext2")
    reader = apsw.Connection(str(tmp_path / "s.db"))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchall()
    retry = Idempotency(b"k" * 16, b"r")
    with pytest.raises(OutcomeUnknownError):
        await scene.do(Redact(key("chat"), 1), idempotency=retry)
    assert await scene.texts("chat") == ["", "secrettext2"]
    assert (await scene.append("chat", "goes on")).seqs == (3,)
    reader.execute("ROLLBACK")
    reader.close()
    assert (await scene.do(Redact(key("chat"), 1), idempotency=retry)).replayed
    assert secrets_in(files()) == {"secrettext2"}
    await store.aclose()


async def test_no_byte_of_summaries_made_of_a_redacted_entry_is_left(scene, files):
    await scene.put("chat")
    for n in range(20):
        await scene.append("chat", f"secrettext{n:04d} and a few words more")
    told = " ".join(f"secrettext{n:04d}" for n in range(10))
    await scene.append("chat", summary(f"secretsummary {told}", 1, 10))
    await scene.fork("chat", "fork")
    again = summary(f"secretagain {told} " * 20, 1, 21)
    await scene.append("fork", again)
    await scene.append("chat", summary("plain, of the others", 11, 20))
    await scene.redact("chat", 4)
    assert secrets_in(files()) == {f"secrettext{n:04d}" for n in range(20) if n != 3}
