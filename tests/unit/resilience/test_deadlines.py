"""An answer is due at a moment that all who work on it know."""

import asyncio

import pytest

from backstory import limits
from backstory.resilience.deadlines import LateError, answered, detached, left, remaining, within


class Time:
    now = 100.0

    def __call__(self):
        return self.now


def test_without_a_deadline_each_wait_has_its_own_bound():
    assert left() is None
    assert remaining(7.0) == 7.0


def test_what_is_left_shrinks_with_time_and_ends_at_nothing():
    time = Time()
    with within(5.0, time):
        time.now += 2
        assert (left(time), remaining(10.0, time), remaining(1.0, time)) == (3.0, 3.0, 1.0)
        time.now += 9
        assert (left(time), remaining(10.0, time)) == (0.0, 0.0)
    assert left(time) is None


def test_of_two_deadlines_the_sooner_counts():
    time = Time()
    with within(5.0, time):
        with within(9.0, time):
            assert left(time) == 5.0
        with within(1.0, time):
            assert left(time) == 1.0
        assert left(time) == 5.0


async def test_a_task_of_the_request_has_its_deadline_and_a_detached_one_has_none():
    async def ask():
        return left()

    with within(5.0):
        assert await asyncio.create_task(ask()) is not None
        assert await asyncio.create_task(ask(), context=detached()) is None


async def test_what_ends_by_itself_in_the_moment_of_grace_is_heard():
    async def work():
        await asyncio.sleep(remaining(60))
        return "known"

    assert await answered(0.4, work()) == "known"


async def test_what_goes_on_is_cancelled_after_the_moment_of_grace(monkeypatch):
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.01)
    with pytest.raises(LateError, match=r"not done within 0\.02 seconds"):
        await answered(0.02, asyncio.sleep(60))


async def test_a_timeout_of_the_works_own_is_its_own():
    async def work():
        raise TimeoutError("something else")

    with pytest.raises(TimeoutError, match="something else"):
        await answered(60, work())
