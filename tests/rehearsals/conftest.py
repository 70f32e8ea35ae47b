"""Rehearsals are run one at a time, by `make rehearse`."""

import pytest

from clusters import summary


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/rehearsals/" in item.path.as_posix():
            item.add_marker(pytest.mark.rehearsal)


def pytest_terminal_summary(terminalreporter):
    """What loads came to: nothing lost, nothing twice."""
    summary.report(terminalreporter)
