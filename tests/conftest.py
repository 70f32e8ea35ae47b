"""What every test may rely on: no setting of the machine, and asyncio as the event loop,
in which nothing blocks."""

import asyncio
import itertools
import os
from collections import Counter

import pytest

import blocking_calls
import postgres_server
import server_process
from backstory import limits
from backstory.storage.postgres.store import open_store as open_postgres

blocking_calls.install()


@pytest.fixture(scope="session")
def anyio_backend():
    """Coroutine tests run on asyncio, the loop that the server uses."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """A developer's own settings change no result."""
    for variable in list(os.environ):
        ours = variable.startswith("BACKSTORY_") and not variable.startswith("BACKSTORY_TEST_")
        if ours or variable.startswith("OTEL_"):
            monkeypatch.delenv(variable)


@pytest.fixture(scope="session")
def postgres_cluster():
    """A PostgreSQL that the tests share; `template` is a database with an empty store."""
    with postgres_server.running() as server:
        if server is not None:
            asyncio.run(_make_template(server))
        yield server


async def _make_template(server):
    await server.do(
        f"CREATE ROLE {postgres_server.PLAIN} LOGIN",
        f"CREATE DATABASE template OWNER {postgres_server.PLAIN}",
    )
    store = await open_postgres(server.url("template", postgres_server.PLAIN))
    await store.aclose()


@pytest.fixture
def postgres(postgres_cluster):
    """The shared server; the test is skipped where PostgreSQL is not installed."""
    if postgres_cluster is None:
        pytest.skip(postgres_server.MISSING)
    return postgres_cluster


@pytest.fixture
async def postgres_url(postgres):
    """The URL of a database of the test's own, with an empty store, for a role like any other."""
    name = f"test_{next(_numbers)}"
    await postgres.do(f"CREATE DATABASE {name} TEMPLATE template OWNER {postgres_server.PLAIN}")
    yield postgres.url(name, postgres_server.PLAIN)
    await postgres.do(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_process():
    with server_process.redis() as server:
        yield server


@pytest.fixture
def redis_server(redis_process):
    """A Redis that tests share; the test is skipped where Redis is not installed."""
    if redis_process is None:
        pytest.skip(server_process.MISSING["redis"])
    return redis_process


@pytest.fixture(scope="session")
def memcached_process():
    with server_process.memcached() as server:
        yield server


@pytest.fixture
def memcached_server(memcached_process):
    """A Memcached that tests share; the test is skipped where Memcached is not installed."""
    if memcached_process is None:
        pytest.skip(server_process.MISSING["memcached"])
    return memcached_process


@pytest.fixture
def unhurried_caches(monkeypatch):
    """Caches wait long for their servers, however busy the machine is that runs the tests."""
    monkeypatch.setattr(limits, "CACHE_SECONDS", 30.0)


_numbers = itertools.count(1)


def pytest_terminal_summary(terminalreporter):
    """One line for each program that is missing, with how many tests were skipped for it."""
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    missing = Counter(reason for reason in reasons if "is not installed" in reason)
    for reason, count in sorted(missing.items()):
        terminalreporter.write_line(f"{count} tests skipped: {reason.removeprefix('Skipped: ')}")
