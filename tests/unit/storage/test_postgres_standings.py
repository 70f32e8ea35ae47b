"""Many who ask how contexts stand share few statements, and none is answered too early."""

import asyncio

import asyncpg
import pytest

from backstory import limits
from backstory.errors import BusyError, StoreUnavailableError
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.store import open_store
from backstory.storage.postgres.walls import said_of_several
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, key


@pytest.fixture
async def scene(postgres_url):
    clock = FakeClock()
    store = await open_store(postgres_url, clock=clock)
    yield Scene(store, clock)
    await store.aclose()


@pytest.fixture
def statements(monkeypatch):
    """How many contexts each statement asked about."""
    asked, fetch = [], asyncpg.Connection.fetch

    async def counted(self, sql, *params, **more):
        if QUERIES.standings in sql:
            asked.append(len(params[0]))
        return await fetch(self, sql, *params, **more)

    monkeypatch.setattr(asyncpg.Connection, "fetch", counted)
    return asked


async def test_those_who_ask_in_one_turn_ask_by_one_statement(scene, statements):
    names = [f"chat{n}" for n in range(20)]
    for name in names:
        await scene.put(name)
    wanted = [key(name) for name in (*names, "nobody", *names)]
    found = await asyncio.gather(*(scene.store.standings("acme", [name]) for name in wanted))
    assert statements == [21]
    assert [one[0] is None for one in found] == [name == key("nobody") for name in wanted]
    assert found[:20] == found[21:]


async def test_those_who_come_meanwhile_wait_for_the_next_one(scene, statements, monkeypatch):
    await scene.put("chat")
    store, sent, go = scene.store, asyncio.Event(), asyncio.Event()
    fetch = store._standings._fetch

    async def held(sql, params):
        sent.set()
        await go.wait()
        return await fetch(sql, params)

    monkeypatch.setattr(store._standings, "_fetch", held)
    first = asyncio.create_task(store.standings("acme", [key("chat")]))
    await sent.wait()
    rest = [asyncio.create_task(store.standings("acme", [key("chat")])) for _ in range(9)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *rest)
    assert statements == [1, 1]


async def test_a_large_question_is_several_statements(scene, statements, monkeypatch):
    monkeypatch.setattr(limits, "STANDINGS", 10)
    await scene.put("chat")
    names = [key(f"c{n}") for n in range(30)]
    asks = [scene.store.standings("acme", names[n : n + 4]) for n in range(0, 28, 4)]
    assert await asyncio.gather(*asks) == [[None] * 4] * 7
    assert statements == [12, 12, 4]


async def test_who_asks_after_a_commit_sees_it_whoever_asks_meanwhile(scene, postgres_url):
    """Somebody asks all the time, so that there is always a statement under way."""
    reader = await open_store(postgres_url, clock=scene.clock)
    await scene.put("chat", {"n": 0})
    done = False

    async def ask_all_the_time():
        while not done:
            await reader.standings("acme", [key("chat")])

    asking = [asyncio.create_task(ask_all_the_time()) for _ in range(5)]
    for n in range(1, 60):
        written = await scene.patch("chat", {"n": n})
        [found] = await reader.standings("acme", [key("chat")])
        assert found.tag.version >= written.version
    done = True
    await asyncio.gather(*asking)
    await reader.aclose()


async def test_a_caller_who_goes_away_leaves_the_others_their_answer(scene):
    await scene.put("chat")
    asks = [asyncio.create_task(scene.store.standings("acme", [key("chat")])) for _ in range(3)]
    await asyncio.sleep(0)
    asks[0].cancel()
    assert [one.tag.version for ask in asks[1:] for one in await ask] == [1, 1]
    with pytest.raises(asyncio.CancelledError):
        await asks[0]


async def test_a_connection_that_was_lost_is_made_anew(scene, postgres):
    await scene.put("chat")
    [before] = await scene.store.standings("acme", [key("chat")])
    lost = scene.store._standings._connection
    await postgres.do(f"SELECT pg_terminate_backend({lost.get_server_pid()})")
    assert list(await scene.store.standings("acme", [key("chat")])) == [before]
    assert scene.store._standings._connection is not lost


async def test_a_server_that_does_not_answer_is_given_up(scene, postgres, monkeypatch):
    await scene.put("chat")
    await scene.store.standings("acme", [key("chat")])
    locker = await asyncpg.connect(
        postgres.url(scene.store._connections._options.dsn.rsplit("/")[-1])
    )
    async with locker.transaction():
        await locker.execute("LOCK TABLE contexts IN ACCESS EXCLUSIVE MODE")
        monkeypatch.setattr(limits, "STANDINGS_SECONDS", 0.05)
        with pytest.raises(StoreUnavailableError) as caught:
            await scene.store.standings("acme", [key("chat")])
        assert caught.value.retry_after == 1
    await locker.close()
    monkeypatch.setattr(limits, "STANDINGS_SECONDS", 10)
    assert (await scene.store.standings("acme", [key("chat")]))[0].tag.version == 1


async def test_too_many_who_ask_are_told_to_come_again(scene, monkeypatch):
    monkeypatch.setattr(limits, "READ_QUEUE", 2)
    asks = [scene.store.standings("acme", [key("chat")]) for _ in range(3)]
    found = await asyncio.gather(*asks, return_exceptions=True)
    assert [isinstance(one, BusyError) for one in found] == [False, False, True]


async def test_a_closed_store_says_so(scene):
    await scene.store.aclose()
    with pytest.raises(StoreUnavailableError):
        await scene.store.standings("acme", [key("chat")])


async def test_large_batches_look_into_the_index(scene):
    """Whatever the planner believes of a table that nobody has analysed."""
    await scene.put("chat")
    async with scene.store._connections.borrow() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        rows = await connection.fetch(
            f"EXPLAIN {said_of_several(QUERIES.standings)}",
            [1] * 500, ["users.1"] * 500, ["chat"] * 500, "1,2",
        )  # fmt: skip
    plan = "\n".join(row[0] for row in rows)
    assert "Nested Loop" in plan
    assert "Index Scan using contexts_by_name" in plan
