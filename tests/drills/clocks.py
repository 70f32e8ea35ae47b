"""A clock that is wrong."""

import contextlib
from pathlib import Path

import pytest

from drills.drill import failed, serving
from drills.networks import database

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@contextlib.contextmanager
def behind(folder, services):
    """Nobody keeps the clock of a node: it is twenty seconds behind the database's."""
    if not FAKETIME:
        pytest.skip("faketime is not installed: `apt-get install faketime`")
    folder.mkdir()
    clock = folder / "clock"
    clock.write_text("-20")
    variables = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with database(services) as store, serving(folder, store=store, env=variables) as server:
        yield failed(server, lambda: clock.write_text("+0"))
