"""Large stores, made fast by the store's own commits, many operations in each."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import orjson
import uvloop

from backstory import ids
from backstory.clock import SystemClock
from backstory.domain.commits import Append, Commit, Operation, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN, Author, Trust
from backstory.storage.sqlite import open_store
from benchmarks import text

BATCH = 500
INDEXED_SECONDS = 1200.0
_BY = Author("bench", Trust.AGENT)
_MESSAGES = [orjson.dumps(message) for message in text.messages(BATCH)]


def contexts(store: Path, namespace: str, numbers: range) -> None:
    """A context of 250 bytes for each number, by the name c0, c1 and so on."""
    state = orjson.dumps({"text": text.messages(1)[0]})

    def made(some: range) -> Iterable[Operation]:
        return (Put(ContextKey(namespace, f"c{n}"), "session", state, (), None) for n in some)

    uvloop.run(_write(store, numbers, made))


def entries(store: Path, key: ContextKey, numbers: range) -> None:
    """Messages of 250 bytes, added to a conversation that is there, or is made now."""

    def added(some: range) -> Iterable[Operation]:
        if some.start == 0:
            yield Put(key, "conversation", b"{}", (), None)
        said = _MESSAGES[: len(some)]
        yield Append(key, tuple(NewEntry("user", "message", message) for message in said))

    uvloop.run(_write(store, numbers, added))


async def _write(path: Path, numbers: range, made: Callable[[range], Iterable[Operation]]) -> None:
    store = await open_store(path)
    try:
        for start in range(numbers.start, numbers.stop, BATCH):
            operations = tuple(made(range(start, min(start + BATCH, numbers.stop))))
            now = SystemClock().now()
            await store.commit(Commit(LOCAL_ADMIN.tenant, ids.commit_id(), _BY, now, operations))
    finally:
        await store.aclose()


def indexed(path: Path) -> None:
    """Wait until the index of words has followed all that was written; a server has to run."""
    until = time.monotonic() + INDEXED_SECONDS
    behind = "SELECT count(*) FROM counters WHERE stream = 0 AND indexed < position"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        while database.execute(behind).fetchone()[0]:
            if time.monotonic() > until:
                raise RuntimeError("the index of words does not follow")
            time.sleep(0.1)


def size(path: Path) -> float:
    """MiB of the file and what lies beside it."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) / 2**20
