"""Somebody rolls out a version by the page alone."""

import itertools
import shutil

import pytest

import postgres_server
from pages import DOCS, SHOWN_DATABASE, SHOWN_PORTS, Reader, read
from postgres_server import free_port
from server_process import MISSING, program

PAGE = DOCS / "how-to" / "roll-out.md"
SHOWN_PROMETHEUS = "127.0.0.1:9090"


@pytest.fixture
def database(postgres):
    with postgres_server.database(postgres, "backstory") as address:
        yield address


def ports():
    """Free ones, in which none that the page shows stands."""
    found = (str(free_port()) for _ in itertools.count())
    return (port for port in found if not any(shown in port for shown in SHOWN_PORTS))


@pytest.mark.timeout(900)  # as long as a busy machine needs to answer some hundred requests
def test_what_the_page_shows_is_what_happens(database, tmp_path):
    for name in ("haproxy", "socat", "prometheus"):
        if program(name) is None:
            pytest.skip(MISSING[name])
    real = ports()
    addresses = {shown: next(real) for shown in SHOWN_PORTS}
    addresses |= {SHOWN_DATABASE: database, SHOWN_PROMETHEUS: f"127.0.0.1:{next(real)}"}
    read(PAGE, Reader(tmp_path, addresses))
    shutil.rmtree(tmp_path / "samples", ignore_errors=True)
