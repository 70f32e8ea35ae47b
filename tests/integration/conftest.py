"""One server for the tests of a module that only talk to it."""

import pytest

from serving import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def http(server):
    with server.client() as client:
        yield client


@pytest.fixture
def own(tmp_path):
    """A server of the test's own, which it may stop; closed where no event loop runs."""
    with serving(tmp_path) as server:
        yield server
