"""What may pass is tried again: not too often, not too late, and not all at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.resilience import deadlines
from backstory.resilience.pace import Pace
from backstory.resilience.retrying import Backoff, retried

BACKOFF = Backoff(tries=4, least=0.1, most=1.0)


class PassingError(Exception):
    """May be over in a moment."""


class Time:
    """Passes while somebody sleeps or works."""

    def __init__(self, chance=1.0):
        self.now, self.slept, self.chance = 0.0, [], chance

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    @property
    def pace(self):
        return Pace(lambda: self.now, self.sleep, lambda: self.chance)


class Work:
    """Fails so many times, each attempt taking some time."""

    def __init__(self, time, failures, takes=0.0, error=PassingError):
        self.time, self.failures, self.takes, self.error = time, failures, takes, error
        self.begun = []

    async def __call__(self):
        self.begun.append(self.time.now)
        self.time.now += self.takes
        if len(self.begun) <= self.failures:
            raise self.error
        return "done"


def again(error, least=0.0):
    return least if isinstance(error, PassingError) else None


async def test_what_passes_is_tried_until_it_is_done():
    time = Time()
    work = Work(time, failures=2)
    assert await retried(work, again, BACKOFF, seconds=10, pace=time.pace) == "done"
    assert time.slept == [0.1, 0.2]


async def test_what_does_not_pass_is_tried_once():
    work = Work(Time(), failures=9, error=ValueError)
    with pytest.raises(ValueError):
        await retried(work, again, BACKOFF, seconds=10, pace=work.time.pace)
    assert len(work.begun) == 1


async def test_a_pause_that_would_end_behind_the_deadline_is_not_begun():
    time = Time()
    work = Work(time, failures=9)
    with deadlines.within(0.25, lambda: time.now), pytest.raises(PassingError):
        await retried(work, again, BACKOFF, seconds=10, pace=time.pace)
    assert work.begun == [0.0, 0.1]


async def test_who_asks_for_a_pause_is_given_it():
    time = Time()
    work = Work(time, failures=1)
    await retried(work, lambda _: 3.0, BACKOFF, seconds=10, pace=time.pace)
    assert time.slept == [3.0]


@given(
    tries=st.integers(1, 8),
    least=st.floats(0.001, 2),
    most=st.floats(0.001, 30),
    failures=st.integers(0, 12),
    takes=st.floats(0, 5),
    seconds=st.floats(0, 60),
    deadline=st.none() | st.floats(0, 60),
    chances=st.lists(st.floats(0, 1), min_size=12, max_size=12),
)
async def test_never_too_often_never_too_late_and_pauses_within_bounds(  # noqa: PLR0917
    tries, least, most, failures, takes, seconds, deadline, chances
):
    time = Time()
    drawn = iter(chances)
    pace = Pace(lambda: time.now, time.sleep, lambda: next(drawn))
    work = Work(time, failures, takes)
    backoff = Backoff(tries, least, most)

    async def go():
        return await retried(work, again, backoff, seconds=seconds, pace=pace)

    done = None
    try:
        if deadline is None:
            done = await go()
        else:
            with deadlines.within(deadline, lambda: time.now):
                done = await go()
    except PassingError:
        pass
    ends = seconds if deadline is None else min(seconds, deadline)
    assert (done == "done") == (len(work.begun) == failures + 1)
    assert 1 <= len(work.begun) <= tries
    assert all(begun < ends for begun in work.begun[1:])
    for number, slept in enumerate(time.slept):
        assert 0 <= slept <= min(most, least * 2**number)
    assert len(time.slept) == len(work.begun) - 1
