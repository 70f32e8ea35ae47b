"""What the PostgreSQL store does when others hold it up, and when its server goes away."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import asyncpg
import orjson
import pytest

from backstory.domain.commits import Append, Conditions, Idempotency
from backstory.errors import (
    MissingError,
    OutcomeUnknownError,
    StoreUnavailableError,
    VersionConflictError,
)
from backstory.ports.store import ChangeQuery
from backstory.storage.postgres import database
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store
from backstory.storage.postgres.transaction import PostgresTransaction
from backstory.storage.postgres.waiting import wait
from backstory.testing import FakeClock
from backstory.testing.scene import ALL, Scene, entry, key
from postgres_server import running, sees_all
from tcp_proxy import Proxy

KEY = Idempotency(b"k" * 16, b"request")


@pytest.fixture
async def node(postgres_url):
    """Opens stores on one database, as nodes do."""
    stores = []

    async def node(url=postgres_url, **options):
        clock = FakeClock()
        stores.append(await open_store(PostgresOptions(url, **options), clock=clock))
        return Scene(stores[-1], clock)

    yield node
    for store in stores:
        await store.aclose()


async def held_open(url):
    """A transaction that has written and does not end."""
    connection = await asyncpg.connect(url)
    await connection.execute("BEGIN")
    await connection.execute("CREATE TABLE held (id int)")
    return connection


async def test_the_stream_is_complete_while_others_hold_transactions_open(
    node, postgres, postgres_url
):
    scene = await node()
    await scene.put("chat")
    held = [await held_open(postgres_url), await held_open(postgres.url("template1"))]
    for number in range(3):
        await scene.append("chat", str(number))
        assert [change.position for change in await scene.changes()][-1] == number + 2
    for connection in held:
        connection.terminate()


async def test_two_nodes_in_opposite_order_make_one_stream_without_gaps(node):
    """And whoever follows it sees each change once, in order, as soon as it is there."""
    nodes = [await node() for _ in range(3)]
    for name in ("a", "b"):
        await nodes[0].put(name)
    seen, position = [], 0
    both = [(key("a"), key("b")), (key("b"), key("a"))]

    async def write(scene, keys):
        for number in range(20):
            await scene.do(*(Append(one, (entry(str(number)),)) for one in keys))

    writers = asyncio.gather(
        *(write(scene, keys) for scene, keys in zip(nodes, both, strict=False) for _ in range(3))
    )
    while not (writers.done() and len(seen) == 2 + 2 * 3 * 20 * 2):
        page = await nodes[2].store.changes("acme", ChangeQuery(ALL, position, 50))
        seen += page.changes
        position = page.position
        assert len(seen) <= 242
    await writers
    assert [change.position for change in seen] == list(range(1, 243))
    for name in ("a", "b"):
        of_one = [change for change in seen if change.key == key(name)]
        assert [change.version for change in of_one] == list(range(1, 122))
        assert all(one.last_seq + 1 == two.last_seq for one, two in pairwise(of_one))


async def test_of_conditional_writers_on_two_nodes_as_many_win_as_are_applied(node):
    nodes = [await node(), await node()]
    await nodes[0].put("counter", {"n": 0})
    won = []

    async def write(scene):
        for _ in range(15):
            snapshot = (await scene.view("counter")).snapshot
            held = Conditions(if_version=snapshot.head.version)
            following = {"n": orjson.loads(snapshot.state)["n"] + 1}
            with suppress(VersionConflictError):
                await scene.put("counter", following, kind=None, conditions=held)
                won.append(scene)

    await asyncio.gather(*(write(scene) for scene in nodes for _ in range(4)))
    assert len(won) > 0
    for scene in nodes:
        assert await scene.state("counter") == {"n": len(won)}
        assert (await scene.view("counter")).snapshot.head.version == len(won) + 1


async def test_whoever_was_overtaken_plans_again(node):
    """A commit that planned while another node wrote is planned anew, and loses nothing."""
    here, there = await node(), await node()
    await here.put("chat")
    await here.append("chat", "one")
    overtaken = []
    look = PostgresTransaction.look

    def slow(self, known):
        look(self, known)
        if not overtaken:
            overtaken.append(True)
            wait(there.append("chat", "two"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresTransaction, "look", slow)
        await here.append("chat", "three")
    assert await here.texts("chat") == ["one", "two", "three"]
    assert [change.position for change in await here.changes()] == [1, 2, 3, 4]


async def test_many_commits_of_a_node_share_a_transaction(node, postgres_url):
    scene = await node()
    await scene.put("chat")
    connection = await sees_all(postgres_url)
    count = "SELECT count(DISTINCT xmin::text) FROM entries"
    before = await connection.fetchval(count)
    await asyncio.gather(*(scene.append("chat", str(number)) for number in range(64)))
    assert await connection.fetchval(count) - before <= 3
    await connection.close()
    assert sorted(await scene.seqs("chat")) == list(range(1, 65))


async def test_a_context_that_was_just_written_is_not_read_again(node, monkeypatch):
    scene = await node(search=False)
    await scene.put("chat")
    await scene.append("chat", "one")
    journeys = []

    def counted(awaitable):
        journeys.append(awaitable)
        return wait(awaitable)

    monkeypatch.setattr(database, "wait", counted)
    await scene.append("chat", "two")
    assert len(journeys) == 1


async def test_what_a_node_remembers_yields_to_what_another_wrote(node):
    here, there = await node(), await node()
    await here.put("chat", {"n": 1})
    await here.append("chat", "one")
    await there.append("chat", "two")
    assert (await here.append("chat", "three")).seqs == (3,)
    await there.patch("chat", {"n": 2})
    await here.patch("chat", {"m": 3})
    assert await there.state("chat") == {"n": 2, "m": 3}
    await there.delete("chat")
    with pytest.raises(MissingError):
        await here.append("chat", "four")
    await there.put("chat")
    await here.append("chat", "five")
    await there.purge("chat")
    with pytest.raises(MissingError):
        await here.append("chat", "six")


@pytest.mark.parametrize("after", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("at", [b"maybe", b"COMMIT"], ids=["one statement", "in turn"])
async def test_a_connection_lost_at_commit_leaves_the_outcome_unknown(
    node, postgres, postgres_url, after, at
):
    async with Proxy(postgres.port) as proxy:
        url = postgres_url.replace(str(postgres.port), str(proxy.port))
        scene = await node(url)
        await scene.put("chat")
        scene.store._writer._transacting._at_once = None if at == b"COMMIT" else "on"
        proxy.cut_at(at, after=after)
        append = Append(key("chat"), (entry("maybe"),))
        with pytest.raises(OutcomeUnknownError):
            await scene.do(append, idempotency=KEY)
        assert proxy.cuts == 1
        again = await scene.do(append, idempotency=KEY)
        assert again.replayed is after
        assert await scene.texts("chat") == ["maybe"]


async def test_what_was_lost_before_commit_is_written_once_over_another_connection(
    node, postgres, postgres_url
):
    async with Proxy(postgres.port) as proxy:
        scene = await node(postgres_url.replace(str(postgres.port), str(proxy.port)))
        await scene.put("chat")
        scene.store._writer._transacting._at_once = None
        proxy.cut_at(b"BEGIN", after=True)
        await scene.append("chat", "once")
        assert proxy.cuts == 1
        assert await scene.texts("chat") == ["once"]


async def test_a_note_that_may_have_been_swapped_is_told_so_and_one_that_is_put_is_put_again(
    node, postgres, postgres_url
):
    async with Proxy(postgres.port) as proxy:
        scene = await node(postgres_url.replace(str(postgres.port), str(proxy.port)))
        later = scene.clock.now() + 1_000_000
        await scene.store.put_note("acme", "n", b"first", later)
        for value in (b"put one", b"put two"):  # the second over a connection that knows it
            proxy.cut_at(value, after=True)
            await scene.store.put_note("acme", "n", value, later)
        assert await scene.store.get_note("acme", "n") == b"put two"
        proxy.cut_at(b"swapped", after=True)
        with pytest.raises(OutcomeUnknownError):
            await scene.store.swap_note("acme", "n", b"put two", b"swapped", later)
        assert await scene.store.get_note("acme", "n") == b"swapped"
        assert proxy.cuts == 3


async def test_who_waits_too_long_for_its_turn_has_written_nothing(node, postgres_url):
    scene = await node(seconds=0.3)
    await scene.put("chat")
    holder = await asyncpg.connect(postgres_url)
    await holder.execute("BEGIN; SELECT * FROM counters FOR UPDATE")
    with pytest.raises(StoreUnavailableError) as caught:
        await scene.append("chat", "late")
    assert caught.value.retry_after == 1
    await holder.execute("ROLLBACK")
    await holder.close()
    await scene.append("chat", "in time")
    assert await scene.texts("chat") == ["in time"]


async def test_who_gives_up_while_a_transaction_begins_leaves_none_behind(node):
    connections, told = (await node()).store._connections, []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), connections.lend(None) as connection:
            await connection.execute("BEGIN; SELECT pg_sleep(60)")
    await asyncio.wait(connections._tasks)
    assert told == []
    async with connections.lend(None) as connection:
        assert not connection.is_in_transaction()


@pytest.mark.parametrize("error", [asyncpg.DeadlockDetectedError, asyncpg.SerializationError])
async def test_what_the_server_took_back_is_tried_again(node, monkeypatch, error):
    scene = await node()
    await scene.put("chat")
    begin, failed = PostgresTransaction.begin, []

    def failing(self):
        begin(self)
        if not failed:
            failed.append(error)
            raise error("taken back")

    monkeypatch.setattr(PostgresTransaction, "begin", failing)
    await scene.append("chat", "once")
    assert await scene.texts("chat") == ["once"]


async def test_one_commit_that_cannot_be_written_does_not_take_others_with_it(node, monkeypatch):
    from backstory.storage.tables import rows

    real = rows.labels_text
    monkeypatch.setattr(
        rows, "labels_text", lambda labels: "\0" if labels == ("poison",) else real(labels)
    )
    scene = await node()
    await scene.put("chat")
    answers = await asyncio.gather(
        scene.append("chat", "before"),
        scene.put("poisoned", labels=("poison",)),
        scene.append("chat", "after"),
        return_exceptions=True,
    )
    assert isinstance(answers[1], StoreUnavailableError)
    assert await scene.texts("chat") == ["before", "after"]


@pytest.fixture
def own_server(postgres):
    """One that may be hurt."""
    with running() as server:
        yield server


async def test_nothing_acknowledged_is_lost_when_the_server_crashes(node, own_server):
    scene = await node(own_server.url())
    await scene.put("chat")
    acknowledged, enough = [], asyncio.Event()

    async def write(writer):
        for number in range(30):
            text = f"{writer}:{number}"
            while text not in acknowledged:
                try:
                    await scene.append("chat", entry(text, text))
                except (StoreUnavailableError, OutcomeUnknownError):
                    await asyncio.sleep(0.05)  # as a client with retries does
                else:
                    acknowledged.append(text)
                    if len(acknowledged) >= 60:
                        enough.set()

    async def crash():
        await enough.wait()
        await asyncio.to_thread(own_server.stop, "immediate")
        await asyncio.to_thread(own_server.start)

    await asyncio.gather(*(write(n) for n in range(8)), crash())
    texts = await scene.texts("chat")
    assert sorted(texts) == sorted(acknowledged)
    assert len(texts) == len(set(texts)) == 240


async def test_erased_text_can_be_found_no_more_by_anybody_who_reads_the_tables(node, postgres_url):
    scene = await node()
    await scene.put("chat", {"note": "cinnabar"}, labels=("cinnabar",))
    await scene.append("chat", "cinnabar one", entry("cinnabar two", "cinnabar"))
    await scene.put_content("chat", b"cinnabar " * 2000)
    await scene.redact("chat", 1)
    await scene.purge("chat")
    connection = await sees_all(postgres_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 20
    for (table,) in tables:
        rows = await connection.fetch(f"SELECT t::text AS row FROM {table} AS t")
        for (row,) in rows:
            assert "cinnabar" not in row
            assert b"cinnabar".hex() not in row
    await connection.close()


async def test_erased_rows_are_vacuumed_away(node, postgres_url, postgres):
    scene = await node()
    await scene.put("chat")
    await scene.put("other")
    await scene.append("other", "stays")
    await scene.append("chat", *(f"text {number}" for number in range(50)))
    superuser = postgres.url(postgres_url.rpartition("/")[2])
    connection = await asyncpg.connect(superuser)
    await scene.purge("chat")
    rows = (
        "SELECT count(*) FROM heap_page_items(get_raw_page('entries', 0)) WHERE t_data IS NOT NULL"
    )
    await connection.execute("CREATE EXTENSION pageinspect")
    for _ in range(100):
        if await connection.fetchval(rows) == 1:
            break
        await asyncio.sleep(0.05)
    assert await connection.fetchval(rows) == 1
    await connection.close()
