"""Whether telling other nodes costs those who write: appends with and without a bus.

As `hot-postgres`, sixteen writers on one conversation; another node listens on the same server.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import uvloop

from backstory.domain.commits import Append, Put
from backstory.domain.entries import NewEntry
from backstory.messaging.postgres import PostgresLink
from backstory.messaging.remote import RemoteBus
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store
from benchmarks import servers, text
from benchmarks.hot_postgres import CHAT, TENANT, commit, rate
from benchmarks.report import Ratio

ROUNDS = 15
MOST = 1.2  # the disk has its moods; more would be the bus


def run(folder: Path) -> Iterator[Ratio]:
    del folder
    with servers.postgres() as url:
        if url is None:
            print("PostgreSQL is not installed; announcing is left out", file=sys.stderr)
            return
        silent, told, heard = uvloop.run(_measure(url))
    detail = f"{silent:.0f}/s without, {told:.0f}/s with, {heard} hints to another node"
    yield Ratio("appends/s without a bus / announced by LISTEN", silent / told, MOST, detail)


async def _measure(url: str) -> tuple[float, float, int]:
    """Rates of the round in the middle, and how often the other node was told."""
    store = await open_store(PostgresOptions(url, search=False))
    here, there = (RemoteBus(PostgresLink(url), store.secret) for _ in range(2))
    await here.check()
    await there.check()
    hints: list[None] = []
    there.subscribe(TENANT, lambda: hints.append(None))
    await store.commit(commit(Put(CHAT, "conversation", b"{}", (), None)))
    entry = NewEntry("user", "message", orjson.dumps(text.messages(1)[0]))

    async def silent(_: int) -> None:
        await store.commit(commit(Append(CHAT, (entry,))))

    async def told(writer: int) -> None:
        await silent(writer)
        here.announce(TENANT)

    rounds = [(await rate(silent), await rate(told)) for _ in range(ROUNDS)]
    if not hints:
        raise RuntimeError("the other node heard nothing")
    await here.aclose()
    await there.aclose()
    await store.aclose()
    one, other = sorted(rounds, key=lambda rates: rates[0] / rates[1])[ROUNDS // 2]
    return one, other, len(hints)
