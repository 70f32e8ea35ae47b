"""Sixteen writers on one conversation in PostgreSQL, against one statement for each append.

The statement writes the same rows as a commit of the store, without words, on 16 connections:
what a program does that gives each append to the database as it comes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvloop

from backstory import ids
from backstory.clock import SystemClock
from backstory.domain.commits import Append, Commit, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author, Trust
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import PostgresStore, open_store
from benchmarks import servers, text
from benchmarks.report import Ratio

WRITERS = 16
APPENDS = 100
ROUNDS = 7
TENANT, CHAT = "bench", ContextKey("bench", "chat")
BY = Author("bench", Trust.AGENT)
ONE = """
WITH head AS (
    UPDATE contexts SET version = version + 1, last_seq = last_seq + 1,
        entry_count = entry_count + 1, commit_id = $2, updated_at = $3
    WHERE tenant = 1 AND id = $1 RETURNING version, last_seq
), place AS (
    UPDATE counters SET position = position + 1 WHERE tenant = 1 AND stream = 0
    RETURNING position
), added AS (
    INSERT INTO entries (tenant, id, version, created_at, voice, content)
    SELECT 1, ($1::bigint << 32) | last_seq, version, $3, 1, $4 FROM head
)
INSERT INTO changes (tenant, position, context, version, what, last_seq, author, at, commit_id)
SELECT 1, position, $1, version, 17, last_seq, 1, $3, $2 FROM head, place
"""


def run(folder: Path) -> Iterator[Ratio]:
    del folder
    with servers.postgres() as url:
        if url is None:
            print("PostgreSQL is not installed; hot-postgres is left out", file=sys.stderr)
            return
        one, ours = uvloop.run(_measure(url))
    detail = f"{one:.0f}/s one by one, {ours:.0f}/s by the store, {WRITERS} writers"
    yield Ratio(
        "appends/s one statement each / by the store, PostgreSQL", one / ours, 1 / 3, detail
    )


async def _measure(url: str) -> tuple[float, float]:
    """Rates of the round in the middle: rounds take turns, since the disk has its moods."""
    store = await open_store(PostgresOptions(url, search=False))
    connections = [await asyncpg.connect(url) for _ in range(WRITERS)]
    context = await _begin(store, connections[0])
    content = orjson.dumps(text.messages(1)[0])

    async def one(writer: int) -> None:
        now = time.time_ns() // 1000
        await connections[writer].execute(ONE, context, ids.commit_id(), now, content)

    async def ours(_: int) -> None:
        entry = NewEntry("user", "message", content)
        await store.commit(commit(Append(CHAT, (entry,))))

    rounds = [(await rate(one), await rate(ours)) for _ in range(ROUNDS)]
    head = await store.snapshot(TENANT, CHAT)
    assert head is not None
    if head.head.entry_count != 2 * ROUNDS * WRITERS * APPENDS:
        raise RuntimeError("appends were lost")
    for connection in connections:
        await connection.close()
    await store.aclose()
    return sorted(rounds, key=lambda rates: rates[0] / rates[1])[ROUNDS // 2]


async def _begin(store: PostgresStore, connection: Any) -> int:
    await store.commit(commit(Put(CHAT, "conversation", b"{}", (), None)))
    number: int = await connection.fetchval("SELECT id FROM contexts")
    return number


def commit(operation: Append | Put) -> Commit:
    """One commit of the benchmark's author."""
    return Commit(TENANT, ids.commit_id(), BY, SystemClock().now(), (operation,))


async def rate(write: Callable[[int], Awaitable[None]]) -> float:
    """Writes a second, by all writers at once."""

    async def writer(number: int) -> None:
        for _ in range(APPENDS):
            await write(number)

    start = time.perf_counter()
    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    return WRITERS * APPENDS / (time.perf_counter() - start)
