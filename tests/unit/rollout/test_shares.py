"""Whether one share is larger than another: right by all sums, not by a few examples."""

from fractions import Fraction
from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.cli.rollout.shares import Share, chance_of_more, chance_of_worse, most, most_worse

COUNT = st.integers(0, 40)


@st.composite
def shares(draw):
    whole = draw(st.integers(1, 60))
    return Share(draw(st.integers(0, whole)), whole)


def drawn(parts, whole, taken, hit):
    """The probability of so many hits, exactly."""
    return Fraction(comb(parts, hit) * comb(whole - parts, taken - hit), comb(whole, taken))


def thrown(whole, hit, rate):
    """The same with a coin."""
    return comb(whole, hit) * rate**hit * (1 - rate) ** (whole - hit)


@given(shares(), shares())
def test_the_chance_that_one_is_worse_is_fishers(old, new):
    parts, whole = old.part + new.part, old.whole + new.whole
    if new.rate <= old.rate:
        assert chance_of_worse(old, new) == 1.0
        return
    most_hits = min(parts, new.whole)
    exact = sum(drawn(parts, whole, new.whole, n) for n in range(new.part, most_hits + 1))
    assert chance_of_worse(old, new) == pytest.approx(float(exact), rel=1e-9)


@given(shares(), st.sampled_from((0.05, 0.5)))
def test_the_chance_of_more_is_the_binomials(share, rate):
    if share.part <= share.whole * rate:
        assert chance_of_more(share, rate) == 1.0
        return
    exact = sum(thrown(share.whole, n, Fraction(rate)) for n in range(share.part, share.whole + 1))
    assert chance_of_more(share, rate) == pytest.approx(float(exact), rel=1e-9)


def test_a_large_count_is_no_trouble():
    assert chance_of_worse(Share(10_000, 10_000_000), Share(1_000, 1_000_000)) == 1.0
    assert 0 < chance_of_worse(Share(10_000, 10_000_000), Share(1_100, 1_000_000)) < 0.01
    assert chance_of_worse(Share(0, 10_000_000), Share(500_000, 1_000_000)) < 1e-300
    assert chance_of_more(Share(600_000, 1_000_000), 0.5) < 1e-300


def test_one_failure_is_no_proof_however_much_the_old_one_has_answered():
    assert chance_of_worse(Share(0, 1_000_000), Share(1, 100)) > 1e-5
    assert chance_of_worse(Share(0, 900), Share(1, 100)) == pytest.approx(0.1)


@pytest.mark.parametrize(("base", "wholes"), [(0.0, (40, 60)), (0.1, (40, 40)), (0.3, (60, 30))])
def test_it_is_seldom_shown_that_nothing_is_worse_where_something_is(base, wholes):
    """Summed over all that can happen: where `new` is worse by just too much, few looks miss it."""
    risk, allowed = 0.01, 0.2
    missed = sum(
        thrown(wholes[0], one, base) * thrown(wholes[1], other, base + allowed)
        for one, other in product(*(range(whole + 1) for whole in wholes))
        if most_worse(Share(one, wholes[0]), Share(other, wholes[1]), risk) <= allowed
    )
    assert missed <= risk


def test_what_is_not_exceeded_is_above_what_was_found_and_comes_near_with_more():
    bounds = [most(Share(n // 100, n), 0.001) for n in (100, 1_000, 10_000, 100_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert 0.01 < bounds[-1] < 0.012
    assert most(Share(0, 0), 0.001) == 1.0


def test_nothing_is_known_of_nothing():
    none, some = Share(0, 0), Share(3, 10)
    assert chance_of_worse(none, some) == chance_of_worse(some, none) == 1.0
    assert most_worse(none, some, 0.01) == most_worse(some, none, 0.01) == 1.0
