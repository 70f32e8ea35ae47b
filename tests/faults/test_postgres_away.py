"""What is answered, and how fast, while PostgreSQL is gone, frozen, full or a standby.

The server is real, and between it and the store is a network that can be cut and frozen. Where
time has to pass, bounds are shorter than in service, and nothing is measured by the clock.
"""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

from backstory import limits
from backstory.domain.commits import Append, Idempotency
from backstory.errors import BusyError, OutcomeUnknownError, StoreError, StoreUnavailableError
from backstory.resilience.breaker import Breaker, State
from backstory.resilience.deadlines import left, within
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store
from backstory.storage.postgres.transaction import PostgresTransaction
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry, key
from postgres_server import running
from tcp_proxy import DOWN, Proxy

KEY = Idempotency(b"k" * 16, b"request")


class Network(Proxy):
    """Counts who comes."""

    came = 0

    async def _serve(self, reader, writer):
        self.came += 1
        await super()._serve(reader, writer)


class Node(Scene):
    @property
    def breaker(self):
        return self.store._connections.presence._breaker


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Looks soon whether the server is there."""
    monkeypatch.setattr(limits, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.4)
    monkeypatch.setattr(limits, "BREAKER_SECONDS", 0.1)


@asynccontextmanager
async def opened(url, told=None, **options):
    """A store with a conversation in it."""
    breaker = Breaker("database", seconds=0.1, told=told or (lambda *_: None))
    clock = FakeClock()
    store = await open_store(PostgresOptions(url, **options), clock=clock, breaker=breaker)
    try:
        yield Node(store, clock)
    finally:
        await store.aclose()


@pytest.fixture
async def network(postgres):
    async with Network(postgres.port) as network:
        yield network


@pytest.fixture
async def scene(network, postgres, postgres_url):
    url = postgres_url.replace(str(postgres.port), str(network.port))
    async with opened(url) as scene:
        await scene.put("chat")
        yield scene


async def until(condition):
    """Looks until it is so."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 -- what is looked at has no event
            await asyncio.sleep(0.02)


async def healed(scene):
    async def works():
        try:
            await scene.append("chat", "after")
        except StoreError:
            return False
        return True

    await until(works)


async def given_up(scene, breaker=State.OPEN):
    """Fail until nobody asks any more."""

    async def away():
        with pytest.raises(StoreUnavailableError):
            await scene.view("chat")
        return scene.breaker.state is breaker

    await until(away)


async def test_who_is_known_to_be_away_is_not_asked_by_anybody(scene, network, monkeypatch):
    """Not even for a connection, and what was not written is not there later either."""
    network.cut()
    await given_up(scene)
    monkeypatch.setattr(scene.breaker, "_now", lambda: 0.0)  # no time passes any more
    scene.breaker.trip()
    came = network.came
    calls = [scene.view("chat"), scene.append("chat", "never"), scene.texts("chat")] * 20
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    assert {answer.retry_after for answer in answers} == {1}
    assert network.came == came
    monkeypatch.undo()
    network.mend()
    await healed(scene)
    assert await scene.texts("chat") == ["after"]


async def test_one_probe_at_a_time_finds_out_that_it_is_back(scene, network):
    network.cut()
    await given_up(scene)
    network.mend()
    network.freeze()
    await asyncio.sleep(0.1)  # from now on somebody may look
    came = network.came
    calls = [scene.view("chat") for _ in range(30)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    assert network.came <= came + 2  # a probe, and perhaps another when it had failed
    network.mend()
    await healed(scene)
    assert scene.breaker.state is State.CLOSED


async def connections(url):
    """How many the server has to the database, besides the one that asks."""
    database = url.rsplit("/", 1)[-1]
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
            database,
        )
    finally:
        await connection.close()


async def test_a_frozen_server_holds_nobody_and_leaves_nothing_behind(scene, network, postgres_url):
    """Requests are answered long before their bound of thirty seconds; tasks and connections
    are no more than before."""
    await asyncio.gather(*(scene.texts("chat") for _ in range(20)))
    tasks, before = len(asyncio.all_tasks()), await connections(postgres_url)
    for _ in range(2):
        network.freeze()
        calls = [scene.view("chat") for _ in range(40)] + [
            scene.append("chat", str(number)) for number in range(10)
        ]
        async with asyncio.timeout(limits.REQUEST_SECONDS / 2):
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(answer, StoreUnavailableError) for answer in answers[:40])
        assert all(isinstance(answer, StoreError) for answer in answers[40:])
        assert scene.breaker.state is not State.CLOSED
        network.mend()
        await healed(scene)
    assert set(await scene.texts("chat")) <= {"after", *map(str, range(10))}

    async def settled():
        now = await connections(postgres_url)
        return len(asyncio.all_tasks()) <= tasks + 3 * now and now <= max(before, 10)

    await until(settled)
    assert len(scene.store._connections._tasks) == 0
    assert scene.store._connections._waiting == 0


async def test_a_commit_that_hangs_while_it_is_made_durable_has_an_unknown_outcome(scene, network):
    """Where the answer is lost and not the commit, a retry with the same key finds it."""
    for text in ("one", "two"):  # the second time, its statement is known to the server
        append = Append(key("chat"), (entry(text),))
        await scene.do(append, idempotency=Idempotency(text.encode() * 8, b"before"))
    send = PostgresTransaction.finish_at_once

    def freezing(self, synchronous_commit):
        network.freeze(DOWN)
        send(self, synchronous_commit)

    append = Append(key("chat"), (entry("maybe"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresTransaction, "finish_at_once", freezing)
        with pytest.raises(OutcomeUnknownError):
            await scene.do(append, idempotency=KEY)
    network.mend()
    await healed(scene)
    assert (await scene.do(append, idempotency=KEY)).replayed
    assert await scene.texts("chat") == ["one", "two", "maybe", "after"]


async def held(url, statement):
    connection = await asyncpg.connect(url)
    await connection.execute(f"BEGIN; {statement}")
    return connection


WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock'"
)


async def test_a_read_ends_by_its_deadline_and_so_does_its_statement(scene, postgres_url):
    holder = await held(postgres_url, "LOCK TABLE entries, contexts")
    for read in (scene.view, scene.texts):
        with within(0.3), pytest.raises(StoreUnavailableError):
            await read("chat")

    async def ended():
        return await holder.fetchval(WAITING) == 0

    await until(ended)
    await holder.execute("ROLLBACK")
    await holder.close()
    assert await scene.texts("chat") == []
    assert scene.breaker.state is State.CLOSED  # it is slow, and there


async def test_nobody_is_left_waiting_on_the_server_for_how_contexts_stand(
    scene, postgres_url, monkeypatch
):
    """It would not notice that nobody listens, and soon take no connections any more."""
    monkeypatch.setattr(limits, "STANDINGS_SECONDS", 0.2)
    monkeypatch.setattr(limits, "CHECK_SECONDS", 5.0)  # of which not all is needed
    await scene.store.standings(scene.tenant, [key("chat")])
    holder = await held(postgres_url, "LOCK TABLE contexts")
    with pytest.raises(StoreUnavailableError):
        await scene.store.standings(scene.tenant, [key("chat")])

    async def ended():
        return await holder.fetchval(WAITING) == 0

    await until(ended)
    await holder.execute("ROLLBACK")
    await holder.close()
    [standing] = await scene.store.standings(scene.tenant, [key("chat")])
    assert standing is not None
    assert scene.breaker.state is State.CLOSED


def in_turn(scene):
    """What is sent at once may have been written, however short the time."""
    scene.store._writer._transacting._at_once = None


async def test_who_is_in_a_hurry_has_written_nothing_and_hurries_nobody(scene, postgres_url):
    """Commits of one batch: the first is due before its turn at the counter comes."""
    in_turn(scene)
    holder = await held(postgres_url, "SELECT * FROM counters FOR UPDATE")

    async def hurried():
        with within(0.3):
            await scene.append("chat", "hurried")

    calls = [asyncio.create_task(hurried()), asyncio.create_task(scene.append("chat", "patient"))]
    with pytest.raises(StoreUnavailableError, match="nothing was written"):
        await calls[0]
    assert not calls[1].done()
    await holder.execute("ROLLBACK")
    await holder.close()
    await calls[1]
    assert await scene.texts("chat") == ["patient"]


async def test_who_is_due_while_it_waits_in_the_queue_is_not_written_later(scene, postgres_url):
    in_turn(scene)
    holder = await held(postgres_url, "SELECT * FROM counters FOR UPDATE")
    first = asyncio.create_task(scene.append("chat", "first"))
    await asyncio.sleep(0)
    for number in range(3):
        with within(0.05), pytest.raises(StoreUnavailableError, match="nothing was written"):
            await scene.append("chat", f"late {number}")
    await holder.execute("ROLLBACK")
    await holder.close()
    await first
    await scene.append("chat", "last")
    assert await scene.texts("chat") == ["first", "last"]


async def test_reads_that_hold_all_their_connections_keep_no_writer_out(postgres_url):
    async with opened(postgres_url, connections=3) as scene:
        await scene.put("chat")
        lent = scene.store._connections
        async with lent.borrow(), lent.borrow():
            await scene.append("chat", "written")
            with within(0.1), pytest.raises(BusyError) as caught:
                await scene.view("chat")
            assert (caught.value.context["limit"], caught.value.retry_after) == (
                "STORE_CONNECTIONS",
                1,
            )
            waiting = [asyncio.create_task(scene.texts("chat")) for _ in range(50)]
            await asyncio.sleep(0)
            await scene.append("chat", "and again")
        assert await asyncio.gather(*waiting) == [["written", "and again"]] * 50
        assert scene.breaker.state is State.CLOSED


async def test_who_waits_for_a_turn_leaves_while_the_rest_of_its_time_is_of_use_to_nobody(
    postgres_url, monkeypatch
):
    """Or under too many readers each would get its turn when it is too late, and none an answer."""
    monkeypatch.setattr(limits, "TURN_SHARE", 0.0005)
    async with opened(postgres_url, connections=2) as scene:
        await scene.put("chat")
        async with scene.store._connections.borrow():
            with within(600):
                with pytest.raises(BusyError) as caught:
                    await scene.texts("chat")
                assert left() > 300
            assert caught.value.context["limit"] == "STORE_CONNECTIONS"


async def test_they_wait_in_order_and_only_so_many(postgres_url, monkeypatch):
    monkeypatch.setattr(limits, "READ_QUEUE", 20)
    async with opened(postgres_url, connections=2) as scene:
        await scene.put("chat")
        order = []

        async def read(number):
            await scene.view("chat")
            order.append(number)

        async with scene.store._connections.borrow():
            waiting = [asyncio.create_task(read(number)) for number in range(20)]
            await asyncio.sleep(0)
            with pytest.raises(BusyError) as caught:
                await scene.view("chat")
            assert caught.value.context["limit"] == "READ_QUEUE"
        await asyncio.gather(*waiting)
        assert order == list(range(20))


@pytest.fixture
def own_server(postgres):
    """One that may be hurt."""
    with running() as server:
        yield server


async def test_after_a_restart_of_the_server_the_node_heals_by_itself(own_server):
    async with opened(own_server.url()) as scene:
        await scene.put("chat")
        await asyncio.gather(*(scene.texts("chat") for _ in range(30)))
        await asyncio.to_thread(own_server.stop, "immediate")
        await given_up(scene)
        with pytest.raises(StoreUnavailableError):
            await scene.append("chat", "never")
        await asyncio.to_thread(own_server.start)
        await healed(scene)
        assert await asyncio.gather(*(scene.texts("chat") for _ in range(30))) == [["after"]] * 30


async def test_of_a_standby_nothing_is_read_or_written_until_it_is_promoted(own_server):
    told = []
    async with opened(own_server.url(), lambda _, state: told.append(state)) as scene:
        await scene.put("chat")
        await asyncio.to_thread(own_server.stop)
        (own_server.folder / "data" / "standby.signal").touch()
        await asyncio.to_thread(own_server.start)

        async def refused():
            with pytest.raises(StoreUnavailableError):
                await scene.append("chat", "never")
            return scene.breaker.state is State.OPEN

        await until(refused)
        with pytest.raises(StoreUnavailableError):
            await scene.view("chat")
        own = ("-D", own_server.data, "-w", "promote")
        await asyncio.to_thread(own_server.run, "pg_ctl", *own)
        await healed(scene)
        assert await scene.texts("chat") == ["after"]
    assert told[:1] == [State.OPEN]
    assert told[-1] is State.CLOSED
