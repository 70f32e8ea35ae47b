"""Clusters that the tests may hurt, and the table of what that came to."""

import pytest

from clusters import summary
from clusters.nodes import Node, started


def pytest_terminal_summary(terminalreporter):
    rows = list(summary.lines())
    if rows:
        terminalreporter.section("what was recorded")
        for row in rows:
            terminalreporter.write_line(row)


@pytest.fixture
async def two_nodes(postgres_url, tmp_path):
    """Two nodes on one database."""
    nodes = (Node(name, tmp_path, postgres_url) for name in ("one", "two"))
    async with started(*nodes) as running:
        yield running
