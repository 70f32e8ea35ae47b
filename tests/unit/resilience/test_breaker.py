"""Who is known to be away is asked by one caller at a time, and by nobody for a moment."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.resilience.breaker import Breaker, State
from backstory.testing import FakeClock

SECOND = 1_000_000


class Dependency:
    """Something behind a breaker, in a time that passes only when told."""

    def __init__(self, failures=3, seconds=10.0):
        self.clock, self.told = FakeClock(), []
        self.breaker = Breaker(
            "thing",
            failures=failures,
            seconds=seconds,
            now=lambda: self.clock.now() / SECOND,
            told=lambda name, state: self.told.append((name, state)),
        )

    def ask(self, *, well):
        held = self.breaker.enter()
        if held is None:
            return False
        self.breaker.leave(held, well=well)
        return True


@pytest.fixture
def thing():
    return Dependency()


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not(thing):
    for _ in range(5):
        assert all(thing.ask(well=well) for well in (False, False, True))
    assert thing.breaker.state is State.CLOSED
    assert all(thing.ask(well=False) for _ in range(3))
    assert thing.breaker.state is State.OPEN
    assert thing.breaker.refuses
    assert not thing.ask(well=True)


def test_what_says_nothing_of_the_dependency_counts_nothing(thing):
    for _ in range(10):
        assert thing.ask(well=None)
    assert thing.breaker.state is State.CLOSED


def test_after_a_moment_one_caller_is_let_through_and_no_other(thing):
    thing.breaker.trip()
    thing.clock.advance(seconds=10)
    assert not thing.breaker.refuses
    probe = thing.breaker.enter()
    assert probe.probe
    assert [thing.breaker.enter() for _ in range(5)] == [None] * 5
    thing.breaker.leave(probe, well=True)
    assert thing.breaker.state is State.CLOSED
    assert thing.ask(well=True)


def test_a_probe_that_fails_leaves_it_open_for_another_moment(thing):
    thing.breaker.trip()
    thing.clock.advance(seconds=10)
    assert thing.ask(well=False)
    assert not thing.ask(well=True)
    thing.clock.advance(seconds=10)
    assert thing.ask(well=True)
    assert thing.breaker.state is State.CLOSED


def test_a_probe_that_was_given_up_lets_the_next_caller_look_at_once(thing):
    thing.breaker.trip()
    thing.clock.advance(seconds=10)
    assert thing.ask(well=None)
    assert thing.breaker.enter().probe


def test_what_was_begun_before_a_change_says_nothing_after_it(thing):
    slow = [thing.breaker.enter() for _ in range(4)]
    thing.breaker.trip()
    thing.breaker.leave(slow.pop(), well=True)
    assert thing.breaker.state is State.OPEN
    thing.clock.advance(seconds=10)
    probe = thing.breaker.enter()
    for held in slow:
        thing.breaker.leave(held, well=False)
    thing.breaker.leave(probe, well=True)
    assert thing.breaker.state is State.CLOSED


def test_each_change_is_told_once_however_often_it_is_looked(thing):
    for _ in range(20):
        thing.ask(well=False)
        thing.clock.advance(seconds=4)
    thing.clock.advance(seconds=10)
    assert thing.ask(well=True)
    assert thing.told == [("thing", State.OPEN), ("thing", State.CLOSED)]


def test_the_log_has_a_line_for_each_change_and_none_for_a_request(caplog):
    with caplog.at_level(logging.DEBUG, "backstory.resilience.breaker"):
        breaker = Breaker("thing", failures=1, seconds=0.0)
        breaker.leave(breaker.enter(), well=False)
        for _ in range(3):
            breaker.leave(breaker.enter(), well=False)
        breaker.leave(breaker.enter(), well=True)
    assert [record.getMessage() for record in caplog.records] == [
        "the thing does not answer; it is asked again once in a while",
        "the thing answers again",
    ]


def test_it_says_when_to_come_back(thing):
    thing.breaker.trip()
    assert thing.breaker.retry_after == 10
    thing.clock.advance(seconds=9.5)
    assert thing.breaker.retry_after == 1
    thing.clock.advance(seconds=5)
    assert thing.breaker.retry_after == 1


STEPS = st.lists(
    st.one_of(
        st.just("enter"),
        st.tuples(st.just("leave"), st.integers(0, 9), st.sampled_from([True, False, None])),
        st.tuples(st.just("pass"), st.floats(0, 15)),
        st.just("trip"),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_there_is_one_probe_at_most_and_always_a_way_back(steps):
    thing = Dependency()
    inside, probes = [], set()
    for step in steps:
        match step:
            case "enter":
                before = thing.breaker.state
                held = thing.breaker.enter()
                assert (held is None) == (
                    before is not State.CLOSED and thing.breaker.state is not State.HALF_OPEN
                ) or (held is None and before is State.HALF_OPEN)
                if held is not None:
                    inside.append(held)
                    if held.probe:
                        assert thing.breaker.state is State.HALF_OPEN
                        probes.add(held)
            case ("leave", number, well):
                if inside:
                    held = inside.pop(number % len(inside))
                    thing.breaker.leave(held, well=well)
                    probes.discard(held)
            case ("pass", seconds):
                thing.clock.advance(seconds=seconds)
            case "trip":
                thing.breaker.trip()
                probes.clear()  # what they find counts no more
        assert len(probes) <= 1
        assert (thing.breaker.state is State.HALF_OPEN) == bool(probes)
    for held in inside:
        thing.breaker.leave(held, well=None)
    thing.clock.advance(seconds=10)
    assert thing.ask(well=True)
    assert thing.breaker.state is State.CLOSED
