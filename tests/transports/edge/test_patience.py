"""A caller may ask for an answer sooner than the server would give up."""

import pytest

from backstory import limits
from backstory.transports.edge.headers import patience


def asked(*values):
    return patience({"headers": [(b"prefer", value.encode()) for value in values]})


@pytest.mark.parametrize(
    "values",
    [
        ("wait=5",),
        ("Wait = 5",),
        ('wait="5"',),
        ("respond-async, wait=5",),
        ("return=minimal", "wait=5; foo=bar"),
    ],
)
def test_it_is_read_as_its_rfc_writes_it(values):
    assert asked(*values) == 5.0


@pytest.mark.parametrize(
    "values",
    [(), ("",), ("wait",), ("wait=",), ("wait=-1",), ("wait=1.5",), ("await=5",), ("wait=5x",)],
)
def test_what_cannot_be_read_is_no_preference(values):
    assert asked(*values) == limits.REQUEST_SECONDS


def test_nobody_is_given_more_than_the_bound_or_less_than_a_second():
    assert asked("wait=999999999") == limits.REQUEST_SECONDS
    assert asked("wait=0") == 1.0
