"""A new version gets its share of the traffic step by step, and is promoted or rolled back.

The load is that of the clusters under fire: all that is acknowledged has to be there in the end,
once, and every request is answered, with the retries that clients are told to make.
"""

import asyncio
from contextlib import asynccontextmanager
from itertools import count

import pytest

import postgres_server
from clusters.load import under_load
from rehearsals.rolling import against, previous, rolling, worse

_numbers = count(1)
pytestmark = pytest.mark.timeout(600)  # a busy machine needs its time


@pytest.fixture(scope="module")
def old_version(tmp_path_factory):
    return previous(tmp_path_factory.mktemp("previous"))


@pytest.fixture
async def empty_url(postgres):
    """The URL of a database in which the old version makes its tables."""
    name = f"canary_{next(_numbers)}"
    await postgres.do(f"CREATE DATABASE {name} OWNER {postgres_server.PLAIN}")
    yield postgres.url(name, postgres_server.PLAIN)
    await postgres.do(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def canary(tmp_path, old_version):
    """A roll on a store, entered beside the event loop."""

    @asynccontextmanager
    async def canary(store, **new):
        ready = rolling(tmp_path, store, old_version, **new)
        roll = await asyncio.to_thread(ready.__enter__)
        try:
            yield roll
        finally:
            await asyncio.to_thread(ready.__exit__, None, None, None)

    return canary


async def test_a_good_version_is_promoted_step_by_step(canary, empty_url):
    async with (
        canary(empty_url) as roll,
        under_load("canary: good", [roll], writers=2, readers=2) as load,
    ):
        await roll.start()
        assert (await roll.check(*roll.by_probes))["verdict"] == "promote"
        code, said = await roll.rolled_out()
        assert code == 0
        steps = [line for line in said if line.endswith(" of 100")]
        assert steps == [f"the new version gets {share} of 100" for share in (10, 50, 100)]
        assert roll.shares() == [0, 100]
        await load.more(50)
        assert await asyncio.to_thread(roll.old.stop) == 0
        await load.more(50)


FAULTS = [("slow", "slow", {"requests": 15, "slower": 4}), ("failing", "failed", {})]


@pytest.mark.parametrize(("fault", "named", "options"), FAULTS, ids=("slow", "failing"))
async def test_a_bad_version_is_rolled_back(canary, empty_url, fault, named, options):
    async with (
        canary(empty_url, **worse(fault)) as roll,
        under_load(f"canary: {fault}", [roll], writers=2, readers=2) as load,
    ):
        await roll.start()
        code, said = await roll.rolled_out(**options)
        assert code == 4
        assert [line for line in said if line.startswith(f"roll back {named}: ")]
        assert roll.shares() == [100, 0]
        await load.more(50)
        assert await asyncio.to_thread(roll.new.stop) == 0
        await load.more(50)


async def test_an_incompatible_version_is_rolled_back_before_it_gets_traffic(canary, empty_url):
    async with (
        canary(empty_url, **worse("incompatible")) as roll,
        under_load("canary: incompatible", [roll]) as load,
    ):
        await roll.start()
        said = await roll.check(*roll.by_probes, *roll.by_metrics())
        assert (said["verdict"], said["code"]) == ("roll back", 4), said
        assert against(said) == {"probes"}
        await load.more(20)


async def test_everything_is_switched_at_once_and_back(canary, empty_url):
    """Blue-green: both run, one serves."""
    async with (
        canary(empty_url) as roll,
        under_load("blue-green", [roll]) as load,
    ):
        await roll.start()
        assert (await roll.check(*roll.by_probes))["verdict"] == "promote"
        for weights in ((0, 100), (100, 0), (0, 100)):
            roll.weights(*weights)
            await load.more(50)


@pytest.fixture
def database(postgres):
    """A PostgreSQL that may be hurt."""
    with postgres_server.running() as server:
        yield server


async def test_while_the_database_fails_over_nothing_is_promoted(canary, database):
    async with (
        canary(database.url()) as roll,
        under_load("canary: database away", [roll]) as load,
    ):
        await roll.start()
        roll.weights(50, 50)
        await load.more(50)
        await asyncio.to_thread(database.kill)
        await load.more(10, "refused")
        said = await roll.check(*roll.by_probes, *roll.by_metrics())
        assert (said["verdict"], said["code"]) in (("wait", 3), ("roll back", 4)), said
        await asyncio.to_thread(database.start)
        await load.more(50)
