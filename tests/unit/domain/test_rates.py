"""What a token bucket promises, for any rate and any order of calls."""

from hypothesis import given
from hypothesis import strategies as st

from backstory.domain.rates import SECOND, Rate, charge, take

RATES = st.builds(Rate, st.integers(1, 100_000), st.integers(1, 300))
PAUSES = st.lists(st.one_of(st.just(0), st.integers(0, 3 * SECOND)), min_size=1, max_size=60)


def passing(rate, pauses):
    """When requests passed that came after these pauses."""
    now = full_at = 0
    for pause in pauses:
        now += pause
        taken = take(rate, full_at, now)
        full_at = taken.full_at
        if taken.wait == 0:
            yield now


@given(RATES, PAUSES)
def test_in_no_window_pass_more_than_the_burst_and_what_came_back(rate, pauses):
    times = list(passing(rate, pauses))
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            most = rate.burst + rate.per_second * (times[last] - begin) / SECOND
            assert last - first + 1 <= most


@given(RATES, PAUSES, st.integers(0, 100))
def test_after_the_wait_one_passes_and_not_before(rate, pauses, charged):
    now = full_at = 0
    for pause in pauses:
        now += pause
        full_at = take(rate, full_at, now).full_at
    full_at = charge(rate, full_at, now, charged)
    wait = take(rate, full_at, now).wait
    assert take(rate, full_at, now + wait).wait == 0
    if wait:
        assert take(rate, full_at, now + wait - 1).wait == 1


@given(RATES, st.integers(0, SECOND))
def test_a_fresh_bucket_gives_the_burst_at_once_and_then_one_when_it_has_come_back(rate, now):
    full_at = 0
    for _ in range(rate.burst):
        taken = take(rate, full_at, now)
        assert taken.wait == 0
        full_at = taken.full_at
    drained = charge(rate, full_at, now, rate.burst)
    assert 0 < take(rate, drained, now).wait <= rate.lasting(1)


@given(RATES, st.integers(0, 20_000), st.integers(0, 20_000))
def test_a_charge_empties_a_bucket_and_makes_no_debt(rate, first, second):
    full_at = charge(rate, charge(rate, 0, 0, first), 0, second)
    assert full_at <= rate.filling
