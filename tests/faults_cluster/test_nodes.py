"""Nodes and workers are killed, starved and misled about the time, under a load."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from clusters.load import under_load

pytestmark = pytest.mark.cluster
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOURS = ("+1h", "-1h", "+0", "-23h")


async def test_nothing_is_lost_where_nothing_fails(cluster, postgres_url):
    async with cluster(postgres_url) as nodes, under_load("none", nodes) as load:
        await load.of_each(100)


async def test_a_node_is_killed_and_started_again(cluster, postgres_url):
    async with cluster(postgres_url) as nodes, under_load("node: kill -9", nodes) as load:
        for node in (*nodes, nodes[0]):
            await node.kill()
            await load.more(50)
            await node.start()
            await load.more(30, node=node)


async def test_both_nodes_are_killed_at_once(cluster, postgres_url):
    async with cluster(postgres_url) as nodes, under_load("both nodes: kill -9", nodes) as load:
        await asyncio.gather(*(node.kill() for node in nodes))
        await load.more(10, "refused")
        for node in nodes:
            await node.start()
        await load.of_each(30)


async def test_a_node_is_stopped_and_started_again(cluster, postgres_url):
    async with cluster(postgres_url) as nodes, under_load("node: stopped", nodes) as load:
        for node in nodes:
            assert await node.stop() == 0
            await load.more(30)
            await node.start()
            await load.more(30, node=node)


async def test_a_node_hangs_and_goes_on_later(cluster, postgres_url):
    """What it had begun it ends long after its callers have asked another node."""
    async with cluster(postgres_url) as nodes, under_load("node: frozen", nodes) as load:
        for node in nodes:
            os.killpg(node.process.pid, signal.SIGSTOP)
            await load.more(3, "unknown", node)
            await load.more(30)
            os.killpg(node.process.pid, signal.SIGCONT)
            await load.more(30, node=node)


async def test_workers_are_killed_one_after_the_other(cluster, postgres_url):
    async with (
        cluster(postgres_url, arguments=("--workers", "2")) as nodes,
        under_load("worker: kill -9", nodes) as load,
    ):
        for node in nodes:
            before = set(node.workers())
            os.kill(min(before), signal.SIGKILL)
            await load.until(lambda n=node, b=before: len(set(n.workers()) - b) == 1, "a worker")
            await load.more(30, node=node)


async def test_there_are_many_more_callers_than_connections(cluster, postgres_url):
    """72 of them, on two connections of each node."""
    store = f"{postgres_url}?connections=2"
    async with (
        cluster(store) as nodes,
        under_load("pool of 2 connections", nodes, writers=8, readers=8) as load,
    ):
        await load.of_each(200)


@pytest.mark.skipif(not FAKETIME, reason="faketime is not installed: `apt-get install faketime`")
async def test_the_clock_of_a_node_jumps(tmp_path, cluster, postgres_url):
    """Forward and back, while the other node and the database keep the right time."""
    file = tmp_path / "time"
    file.write_text("+0")
    env = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    async with (
        cluster(postgres_url, env=env) as nodes,
        under_load("clock: jumps", nodes) as load,
    ):
        for hours in HOURS:
            file.write_text(hours)
            await load.of_each(30)
