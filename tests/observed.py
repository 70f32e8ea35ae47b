"""What watches a server, as `make observe` starts it, for the tests that need it."""

import contextlib
import shutil

import httpx
import pytest

import server_process
from observing.programs import missing
from observing.stack import started


@contextlib.contextmanager
def observing(wanted):
    """Everything that was wanted; the test is skipped where a program is missing."""
    skip_where_missing()
    with started(wanted) as running:
        yield running
    shutil.rmtree(wanted.folder, ignore_errors=True)


def skip_where_missing():
    for package in missing():
        pytest.skip(server_process.MISSING[package.removeprefix("prometheus-")])


def asked(stack, query):
    """What Prometheus answers: the value of each series."""
    answer = httpx.get(f"http://{stack.prometheus}/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", (query, answer)
    return [float(one["value"][1]) for one in answer["data"]["result"]]
