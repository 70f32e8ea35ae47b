"""Two nodes on one PostgreSQL, and each of the load balancers before them."""

import asyncio
import itertools

import httpx
import pytest

import balancers
import postgres_server
import server_process
from serving import SECONDS

_numbers = itertools.count(1)
DRAIN = "4"  # seconds, longer than either needs to notice on a busy machine


@pytest.fixture(scope="module")
def database(postgres_cluster):
    """The URL of a database of the module's own, with an empty store."""
    if postgres_cluster is None:
        pytest.skip(postgres_server.MISSING)
    name = f"balanced_{next(_numbers)}"
    asyncio.run(postgres_cluster.do(f"CREATE DATABASE {name} TEMPLATE template"))
    yield postgres_cluster.url(name)
    asyncio.run(postgres_cluster.do(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory, database):
    folder = tmp_path_factory.mktemp("nodes")
    with balancers.nodes(folder, database, "--drain-seconds", DRAIN) as found:
        yield found


@pytest.fixture(scope="module", params=balancers.NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def balancer(name, nodes):
    with balancers.balancing(name, nodes) as running:
        if running is None:
            pytest.skip(server_process.MISSING[name])
        yield running


@pytest.fixture
def url(balancer):
    return f"http://localhost:{balancer.port}"


@pytest.fixture
def connect(url):
    """A client of the load balancer, with connections of its own."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return lambda **more: httpx.AsyncClient(base_url=url, timeout=SECONDS, limits=limits, **more)


@pytest.fixture
async def http(connect):
    async with connect() as client:
        yield client
