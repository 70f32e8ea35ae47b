"""Clusters that the tests may hurt, and the table of what that came to."""

from contextlib import asynccontextmanager

import pytest

import postgres_server
from backstory.storage.postgres.store import open_store
from clusters import summary
from clusters.nodes import Node, started


def pytest_terminal_summary(terminalreporter):
    summary.report(terminalreporter)


@pytest.fixture
def cluster(tmp_path):
    """Starts two nodes, with one store's URL or an own for each.

    `env` is that of the first, and `first` its arguments if they are not those of both.
    """

    @asynccontextmanager
    async def cluster(*stores, arguments=(), first=None, env=None):
        one = Node("one", tmp_path, stores[0], *(first or arguments), env=env)
        nodes = (one, Node("two", tmp_path, stores[-1], *arguments))
        async with started(*nodes) as running:
            yield running

    return cluster


@pytest.fixture
def own_postgres(postgres):
    """A PostgreSQL that may be hurt."""
    with postgres_server.running() as server:
        yield server


@pytest.fixture
async def made(own_postgres):
    """One that may be hurt, with an empty store in it."""
    store = await open_store(own_postgres.url())
    await store.aclose()
    return own_postgres
