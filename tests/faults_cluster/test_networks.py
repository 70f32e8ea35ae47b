"""The network between nodes and their database is cut, frozen and slowed."""

from contextlib import asynccontextmanager

import pytest

from clusters.load import under_load
from tcp_proxy import DOWN, UP, Proxy

pytestmark = pytest.mark.cluster
SLOW_SECONDS = 0.05
LOST_ANSWERS = 8


@pytest.fixture
def apart(cluster, postgres, postgres_url):
    """Two nodes, the first of which reaches the database through a proxy."""

    @asynccontextmanager
    async def apart(name):
        async with Proxy(postgres.port) as proxy:
            through = postgres_url.replace(str(postgres.port), str(proxy.port))
            async with cluster(through, postgres_url) as nodes, under_load(name, nodes) as load:
                yield load, nodes[0], proxy

    return apart


async def test_a_node_is_cut_off_from_the_database(apart):
    async with apart("database: cut off") as (load, node, proxy):
        for _ in range(3):
            proxy.cut()
            await load.more(5, "refused", node)
            await load.more(30)
            proxy.mend()
            await load.more(30, node=node)


@pytest.mark.parametrize("ways", [(UP, DOWN), (UP,), (DOWN,)], ids=["both", "there", "back"])
async def test_nothing_passes_between_a_node_and_the_database(apart, ways):
    """Nobody is told that a connection has ended: neither the node nor the database."""
    async with apart(f"database: frozen {'/'.join(ways)}") as (load, node, proxy):
        proxy.freeze(*ways)
        await load.more(3, "unknown", node)
        await load.more(30)
        proxy.mend()
        await load.more(30, node=node)


async def test_nothing_passes_any_more_in_the_middle_of_a_statement(apart):
    """The database has been told of a statement, in a transaction, and not yet to run it.

    None of its time limits counts while it waits for the rest, so others must end that wait.
    """
    async with apart("database: frozen in a statement") as (load, node, proxy):
        proxy.cut()  # a new connection has to name each statement first
        proxy.freeze_after(b"UPDATE counters AS c SET position = n.position")
        proxy.mend()
        await load.until(lambda: proxy.freezes, "a statement that was only named")
        await load.more(30)
        proxy.mend()
        await load.more(30, node=node)


async def test_the_database_is_far_away(apart):
    async with apart("database: 50 ms each way") as (load, node, proxy):
        proxy.delay(SLOW_SECONDS)
        await load.more(20, node=node)
        proxy.mend()
        await load.of_each(30)


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_a_connection_breaks_at_a_commit(apart, after):
    """Where it breaks behind it, what was written is known by its key or id.

    A transaction ends with a word of its own, or with the statement that holds the text.
    """
    async with apart(f"cut at a commit, {'after' if after else 'before'} it") as (
        load,
        node,
        proxy,
    ):
        for cuts in range(1, LOST_ANSWERS + 1):
            proxy.cut_at((b"COMMIT", b"AppendByKey")[cuts % 2], after=after)
            await load.until(lambda n=cuts: proxy.cuts == n, "a cut")
            await load.more(5, node=node)
        assert load.counts["unknown"] > 0
