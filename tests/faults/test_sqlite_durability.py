"""What was acknowledged is on the disk, and survives whatever ends the process."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from backstory import limits
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.testing import FakeClock
from backstory.testing.faults import FaultyDisk
from backstory.testing.scene import Scene

WRITER = Path(__file__).with_name("append_until_killed.py")


@pytest.fixture
async def disk():
    return FaultyDisk()


@pytest.fixture
async def scene(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(limits, "FOLLOW_SECONDS", 3600)  # nothing is written but for a caller
    clock = FakeClock()
    store = await open_store(SqliteOptions(tmp_path / "s.db", vfs=disk.name), clock=clock)
    yield Scene(store, clock)
    await store.aclose()


async def test_each_acknowledgement_comes_after_a_sync_of_what_was_written(scene, disk):
    await scene.put("chat")
    for n in range(20):
        disk.events.clear()
        await scene.append("chat", f"text {n}")
        actions = [action for action, file in disk.events if file == "s.db-wal"]
        assert "write" in actions
        assert actions[-1] == "sync"


async def test_commits_that_come_together_share_a_sync(scene, disk):
    await scene.put("chat")
    disk.events.clear()
    await asyncio.gather(*(scene.append("chat", str(n)) for n in range(200)))
    assert 1 <= disk.count("sync") < 100


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_kernel_is_asked_for_an_fdatasync_before_each_acknowledgement(tmp_path):
    """Seen from outside, with nothing of ours in between."""
    trace = tmp_path / "trace"
    tracing = ["strace", "-f", "-y", "-e", "trace=fdatasync,fsync,write", "-o", str(trace)]
    arguments = [sys.executable, str(WRITER), str(tmp_path / "s.db"), "w", "1", "5"]
    done = subprocess.run([*tracing, *arguments], capture_output=True, check=False)
    if b"ptrace" in done.stderr or b"Operation not permitted" in done.stderr:
        pytest.skip("this machine does not allow tracing")
    assert done.returncode == 0, done.stderr
    synced = acknowledged = 0
    for line in trace.read_text().splitlines():
        if "sync(" in line and "s.db-wal" in line:
            synced += 1
        if "write(1<" in line and '"w:' in line:
            acknowledged += 1
            assert synced >= acknowledged
    assert acknowledged == 5


@pytest.mark.faults
@pytest.mark.slow
def test_every_acknowledged_append_survives_kill_9_once_at_its_seq(tmp_path):
    path = tmp_path / "s.db"
    told: dict[str, int] = {}
    for life in range(3):
        told |= append_and_kill(path, f"life{life}", acknowledgements=150)
    asyncio.run(check_all_is_there(path, told))


async def check_all_is_there(path, told):
    store = await open_store(path)
    try:
        scene = Scene(store, FakeClock())
        entries = await scene.entries("chat")
        stored = {one.content.decode().strip('"'): one.seq for one in entries}
        assert [one.seq for one in entries] == list(range(1, len(entries) + 1))
        assert len(stored) == len(entries)
        assert {text: stored.get(text) for text in told} == told
        versions = [change.version for change in await all_versions(scene)]
        assert versions == list(range(1, len(versions) + 1))
    finally:
        await store.aclose()


@pytest.mark.faults
def test_two_processes_share_a_file_and_lose_nothing(tmp_path):
    path = tmp_path / "s.db"
    writers = [start(path, name, tasks=4, appends=50) for name in ("one", "two")]
    told: Counter[str] = Counter()
    seqs: list[int] = []
    for writer in writers:
        out, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        for text, seq in acknowledgements(out):
            told[text] += 1
            seqs.append(seq)
    entries = asyncio.run(read_entries(path))
    assert sorted(seqs) == list(range(1, 401))
    assert Counter(one.content.decode().strip('"') for one in entries) == told


async def read_entries(path):
    store = await open_store(path)
    try:
        return await Scene(store, FakeClock()).entries("chat")
    finally:
        await store.aclose()


@pytest.mark.faults
def test_many_processes_may_make_the_file_at_once(tmp_path):
    writers = [start(tmp_path / "new.db", str(n), tasks=1, appends=2) for n in range(6)]
    for writer in writers:
        _, error = writer.communicate(timeout=60)
        assert writer.returncode == 0, error


async def all_versions(scene):
    found = []
    while True:
        after = found[-1].version if found else 0
        more = await scene.store.versions(
            scene.tenant,
            (await scene.view("chat")).snapshot.head.key,
            after=after,
            before=2**53,
            limit=1000,
            newest_first=False,
        )
        if not more:
            return found
        found += more


def start(path, name, *, tasks, appends):
    command = [sys.executable, str(WRITER), str(path), name, str(tasks), str(appends)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def append_and_kill(path, name, *, acknowledgements):
    """What a process of 16 writers acknowledged before it was killed in the middle."""
    writer = start(path, name, tasks=16, appends=10**6)
    told = {}
    assert writer.stdout is not None
    for line in writer.stdout:
        text, seq = line.split()
        told[text.decode()] = int(seq)
        if len(told) == acknowledgements:
            os.kill(writer.pid, signal.SIGKILL)
            break
    rest, _ = writer.communicate(timeout=30)
    for line in rest.splitlines(keepends=True):
        if line.endswith(b"\n"):
            text, seq = line.split()
            told[text.decode()] = int(seq)
    return told


def acknowledgements(out):
    for line in out.splitlines():
        text, seq = line.split()
        yield text.decode(), int(seq)
