"""Nodes and workers are killed while clients write, read and watch."""

import pytest

from clusters.load import under_load

pytestmark = pytest.mark.cluster


async def test_nothing_is_lost_without_any_fault(two_nodes):
    async with under_load("no fault", two_nodes) as load:
        await load.of_each(100)


async def test_a_node_is_killed_and_started_again(two_nodes):
    one, two = two_nodes
    async with under_load("kill -9 of a node", two_nodes) as load:
        for node in (one, two, one):
            await node.kill()
            await load.more(50)
            await node.start()
            await load.more(30, node=node)
