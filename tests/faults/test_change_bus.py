"""A change bus that is cut off, frozen, slow, killed or lied to: watchers lose nothing by it."""

import asyncio
import logging
from contextlib import aclosing, asynccontextmanager

import asyncpg
import pytest
from redis.asyncio import Redis

import mcp_serving
import postgres_server
import server_process
from backstory import limits
from backstory.clock import SystemClock
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import BusUnavailableError
from backstory.messaging.messages import Marks
from backstory.messaging.opening import link_to
from backstory.messaging.remote import RemoteBus
from backstory.storage.postgres.store import open_store
from backstory.testing.bus_contract import SECONDS, Ear
from mcp_serving import create, say
from tcp_proxy import DOWN, UP, Proxy

SECRET = b"s" * 32
KINDS = ["LISTEN", "Redis"]


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch):
    """Found out and mended soon; what the bounds are changes nothing else."""
    monkeypatch.setattr(limits, "BUS_SECONDS", 1.0)
    monkeypatch.setattr(limits, "BUS_CHECK_SECONDS", 0.05)
    monkeypatch.setattr(limits, "BUS_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(limits, "BUS_RETRY_MOST_SECONDS", 0.05)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def port(kind, request):
    name = "postgres" if kind == "LISTEN" else "redis_server"
    return request.getfixturevalue(name).port


def url(kind, port):
    if kind == "LISTEN":
        return f"postgresql://backstory@127.0.0.1:{port}/postgres"
    return f"redis://127.0.0.1:{port}"


@asynccontextmanager
async def joined(*urls):
    buses = [RemoteBus(link_to(each), SECRET) for each in urls]
    try:
        yield buses
    finally:
        for bus in buses:
            await bus.aclose()


async def away(bus):
    """Until it says so."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await bus.check()
            except BusUnavailableError as error:
                return error.detail
            await asyncio.sleep(0.01)


async def back(bus):
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await bus.check()
            except BusUnavailableError:
                await asyncio.sleep(0.01)


async def hears(here, there):
    """Whether a message gets from there to here."""
    ear = Ear()
    leave = here.subscribe("acme", ear)
    there.announce("acme")
    await ear.more()
    leave()


async def test_after_a_cut_everybody_is_told_and_messages_pass_again(kind, port):
    async with Proxy(port) as proxy, joined(url(kind, proxy.port), url(kind, port)) as (cut, whole):
        await cut.check()
        await whole.check()
        ear = Ear()
        cut.subscribe("somebody", ear)
        proxy.cut()
        await away(cut)
        whole.announce("somebody")  # nobody hears that
        ear.forget()
        proxy.mend()
        await ear.more()
        await back(cut)
        await hears(cut, whole)
        await hears(whole, cut)


@pytest.mark.parametrize("ways", [(UP, DOWN), (UP,), (DOWN,)], ids=["all", "up", "down"])
async def test_a_frozen_connection_is_found_out_and_mended(kind, port, ways):
    async with Proxy(port) as proxy, joined(url(kind, proxy.port), url(kind, port)) as (ice, whole):
        await ice.check()
        proxy.freeze(*ways)
        assert "within 1 s" in await away(ice)
        ice.announce("acme")
        proxy.mend()
        await back(ice)
        await hears(ice, whole)


async def test_a_slow_connection_is_only_slow(kind, port):
    async with (
        Proxy(port) as proxy,
        joined(url(kind, proxy.port), url(kind, port)) as (slow, whole),
    ):
        proxy.delay(0.02)
        await slow.check()
        for _ in range(5):
            await hears(slow, whole)
            await hears(whole, slow)
        await slow.check()


async def test_what_was_announced_while_the_server_was_away_is_told_when_it_is_back(kind, port):
    async with Proxy(port) as proxy:
        proxy.cut()
        async with joined(url(kind, proxy.port), url(kind, port)) as (cut, whole):
            await away(cut)
            await whole.check()
            ear = Ear()
            whole.subscribe("acme", ear)
            for number in range(limits.BUS_TENANTS * 2):
                cut.announce(f"t{number}")
            cut.announce("acme")
            proxy.mend()
            await ear.more()


async def test_a_bus_that_is_away_says_so_once(kind, caplog):
    caplog.set_level(logging.INFO, "backstory.messaging")
    unused = postgres_server.free_port()
    link, tries = link_to(url(kind, unused)), asyncio.Semaphore(0)
    opened = link.open

    def counted(*arguments):
        tries.release()
        return opened(*arguments)

    link.open = counted
    bus = RemoteBus(link, SECRET)
    async with asyncio.timeout(SECONDS):
        for _ in range(4):
            await tries.acquire()
    await bus.aclose()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"({link.name}) is away" in caplog.text


@pytest.fixture
def mortal(kind, request):
    """A server of the test's own; how it is killed, and started again."""
    if kind == "LISTEN":
        request.getfixturevalue("postgres")
        with postgres_server.running() as server:
            yield server, lambda: server.stop("immediate")
    else:
        request.getfixturevalue("redis_server")
        with server_process.redis() as server:
            yield server, server.kill


async def test_a_server_that_dies_and_comes_back_is_found_again(kind, mortal, caplog):
    caplog.set_level(logging.INFO, "backstory.messaging")
    server, kill = mortal
    async with joined(*[url(kind, server.port)] * 2) as (one, other):
        for bus in (one, other):
            await bus.check()
        await asyncio.to_thread(kill)
        for bus in (one, other):
            await away(bus)
        one.announce("acme")
        await asyncio.to_thread(server.start)
        for bus in (one, other):
            await back(bus)
        await hears(one, other)
        await hears(other, one)
    words = [record.getMessage().split(")")[1][:8] for record in caplog.records]
    assert sorted(words) == [" is away", " is away", " is back", " is back"]


# -- watchers ----------------------------------------------------------------------------


@asynccontextmanager
async def node(store_url, bus_url):
    clock = SystemClock()
    store = await open_store(store_url, clock=clock)
    bus = RemoteBus(link_to(bus_url), store.secret)
    async with mcp_serving.over(store, bus, clock) as contexts:
        yield contexts


@pytest.mark.parametrize("fault", ["cut", "frozen", "dropped", "slow"])
async def test_a_watcher_without_its_bus_sees_each_change_once_and_in_order(
    kind, port, fault, postgres_url, monkeypatch
):
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 1000)  # it comes back for nothing else
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.1)
    async with (
        Proxy(port) as proxy,
        node(postgres_url, url(kind, port)) as writer,
        node(postgres_url, url(kind, proxy.port)) as watcher,
        aclosing(watcher.stream.follow(LOCAL_ADMIN)) as pages,
    ):
        hurt = {
            "cut": proxy.cut,
            "frozen": proxy.freeze,
            "dropped": lambda: proxy.freeze(DOWN),
            "slow": lambda: proxy.delay(0.2),
        }
        await create(writer)
        seen = []
        for turn, act in enumerate([lambda: None, hurt[fault], proxy.mend]):
            act()
            for _ in range(2):
                await say(writer, "hello")
            while len(seen) < 3 + 2 * turn:
                async with asyncio.timeout(SECONDS):
                    page = await anext(pages)
                seen += [change.version for _, change in page.items]
    assert seen == list(range(1, 8))


# -- others on the channel -----------------------------------------------------------------


@asynccontextmanager
async def foreigner(kind, port, channel):
    """Somebody else on the server: publishes on the channel, and notes what passes there."""
    heard = []
    if kind == "LISTEN":
        connection = await asyncpg.connect(url(kind, port))
        await connection.add_listener(channel, lambda *said: heard.append(said[-1]))

        async def publish(raw):
            text = raw.decode("utf-8", "replace").replace("\0", "")[:7999]
            await connection.execute("SELECT pg_notify($1, $2)", channel, text)

        yield publish, heard
        await connection.close()
        return
    async with Redis(port=port) as client, client.pubsub() as hearing:
        await hearing.subscribe(channel)

        async def listen():
            async for message in hearing.listen():
                heard.extend([message["data"].decode()] if message["type"] == "message" else [])

        listening = asyncio.create_task(listen())
        yield lambda raw: client.publish(channel, raw), heard
        listening.cancel()
        await asyncio.wait([listening])


GARBAGE = [
    b"",
    b" ",
    b"\xff\xfe\x00",
    b"x" * 2_000_000,
    b"A" * 12 + b"  " + b"B" * 12,
    ("Ä" * 12).encode(),
    b"AAAAAAAAAAAA BBBBBBBBBBBB",
    b"AAAAAAAAAAAA " + b" ".join([b"BBBBBBBBBBBB"] * 500),
    b'{"tenant": "acme"}',
    b"AAAAAAAAAAAA\n",
]


async def test_garbage_on_the_channel_wakes_nobody_and_stops_nothing(kind, port):
    channel = Marks(SECRET).channel
    async with (
        joined(*[url(kind, port)] * 2) as (here, there),
        foreigner(kind, port, channel) as (publish, _),
    ):
        await here.check()
        await there.check()
        ear = Ear()
        here.subscribe("somebody", ear)
        ear.forget()
        for raw in GARBAGE:
            await publish(raw)
        await hears(here, there)  # on the same channel, so it comes after
        assert ear.heard == 0


async def test_messages_doubled_and_late_are_hints_like_others(kind, port):
    marks = Marks(SECRET)
    async with (
        joined(url(kind, port)) as (here,),
        foreigner(kind, port, marks.channel) as (publish, _),
    ):
        await here.check()
        ears = {tenant: Ear() for tenant in ("acme", "other")}
        for tenant, ear in ears.items():
            here.subscribe(tenant, ear)
            ear.forget()
        for _ in range(3):
            await publish(f"AAAAAAAAAAAA {marks.of('acme')} {marks.of('acme')}".encode())
            await ears["acme"].more()
        assert ears["other"].heard == 0
        await publish(f"AAAAAAAAAAAA {marks.any}".encode())
        await ears["other"].more()


async def test_nobody_on_the_server_reads_a_tenants_name(kind, port):
    marks = Marks(SECRET)
    async with (
        joined(*[url(kind, port)] * 2) as (here, there),
        foreigner(kind, port, marks.channel) as (_, heard),
    ):
        await here.check()
        await there.check()
        await hears(here, there)
        passed = [text for text in heard if " " in text]
        assert passed
        assert "acme" not in "".join(passed) + marks.channel
        assert Marks(b"t" * 32).of("acme") not in "".join(passed)
        assert Marks(b"t" * 32).channel != marks.channel


async def test_many_changes_make_few_messages_none_over_the_bound(kind, port, monkeypatch):
    monkeypatch.setattr(limits, "BUS_CHECK_SECONDS", 1000)
    async with (
        joined(*[url(kind, port)] * 2) as (here, there),
        foreigner(kind, port, Marks(SECRET).channel) as (_, heard),
    ):
        await here.check()
        await there.check()
        ears = [Ear(), Ear()]
        for number, ear in enumerate(ears):
            here.subscribe(f"t{number}", ear)
            ear.forget()
        for number in range(5000):
            there.announce(f"t{number % 450}")
        await asyncio.gather(*(ear.more() for ear in ears))
        assert [ear.heard for ear in ears] == [1, 1]
        for number in range(5000):
            there.announce(f"t{number}")
        await asyncio.gather(*(ear.more() for ear in ears))
        passed = [text for text in heard if " " in text]
        assert len(passed) <= 3
        assert max(map(len, passed)) < limits.BUS_MESSAGE_BYTES
        assert passed[-1].endswith(" " + Marks(SECRET).any)
