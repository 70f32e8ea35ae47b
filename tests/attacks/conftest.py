"""Servers that the attacks share: one node on SQLite, and two nodes on one PostgreSQL."""

import pytest

import postgres_server
from attacking import on_postgres, target


@pytest.fixture(scope="session")
def one_node(tmp_path_factory):
    with target(tmp_path_factory.mktemp("attacked")) as found:
        yield found


@pytest.fixture(scope="session")
def two_nodes(tmp_path_factory, postgres_cluster):
    if postgres_cluster is None:
        pytest.skip(postgres_server.MISSING)
    with on_postgres(postgres_cluster, tmp_path_factory.mktemp("attacked")) as found:
        yield found


@pytest.fixture(scope="module", params=["one", "two"])
def attacked(request):
    """What is attacked; it has to serve on afterwards."""
    found = request.getfixturevalue(f"{request.param}_node{'s' * (request.param == 'two')}")
    yield found
    found.still_serves()
