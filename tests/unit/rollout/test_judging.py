"""What two colours' counts come to."""

from dataclasses import replace

import pytest

from backstory.cli.rollout.judging import Bounds, Reason, Verdict, judged, verdict
from backstory.cli.rollout.measuring import Answers, Colour
from backstory.cli.rollout.shares import Share

INFINITE = float("inf")
BOUNDS = Bounds()


def answers(whole, failed=0, refused=0):
    return Answers(Share(failed, whole), Share(refused, whole))


def times(*, quick, middling=0, slow=0):
    """Answers within 5 ms, within 50 ms, and later."""
    whole = quick + middling + slow
    return {0.005: quick, 0.05: quick + middling, 0.5: whole, INFINITE: whole}


def colour(whole=10_000, failed=0, refused=0, slower=None, **more):
    said = {
        "selector": 'color="blue"',
        "nodes": 2,
        "up": 2,
        "restarts": 0,
        "versions": ("1.0.0",),
        "away": (),
        "answers": {"GET /v1/contexts": answers(whole, failed, refused)},
        "slower": times(quick=whole) if slower is None else slower,
    }
    return Colour(**said | more)


def told(old, new, bounds=BOUNDS):
    return verdict(judged(old, new, bounds))


def against(old, new, bounds=BOUNDS):
    return [each for each in judged(old, new, bounds) if each.verdict is not Verdict.PROMOTE]


def test_what_is_the_same_is_promoted():
    assert told(colour(100_000, 100), colour(10_000, 10)) is Verdict.PROMOTE


def test_what_is_better_is_promoted():
    assert told(colour(100_000, 3_000), colour(10_000)) is Verdict.PROMOTE


@pytest.mark.parametrize("fault", ["failed", "refused"])
def test_what_fails_or_is_refused_more_often_is_rolled_back(fault):
    (reason, *_) = against(colour(100_000), colour(10_000, **{fault: 500}))
    assert (reason.verdict, reason.name) == (Verdict.ROLL_BACK, fault)
    assert "500 of 10,000 (5.00%)" in reason.detail


def test_a_few_requests_that_all_fail_are_enough_to_roll_back():
    assert told(colour(), colour(20, 20)) is Verdict.ROLL_BACK


def test_a_single_failure_among_few_is_waited_for():
    assert told(colour(), colour(100, 1)) is Verdict.WAIT


def test_too_little_traffic_is_waited_for_on_either_side():
    for old, new, named in ((colour(199), colour(), "old"), (colour(), colour(199), "new")):
        traffic = [each for each in against(old, new) if each.name == "traffic"]
        assert [each.verdict for each in traffic] == [Verdict.WAIT]
        assert f"the {named} colour answered 199 requests, 200 are needed" in traffic[0].detail


def test_what_cannot_be_told_yet_is_waited_for():
    (reason,) = [each for each in against(colour(), colour(300)) if each.name == "failed"]
    assert reason.verdict is Verdict.WAIT
    assert "0 of 300 (0.00%) failed, old 0 of 10,000" in reason.detail


def test_more_failures_than_are_allowed_are_needed_to_roll_back():
    """Certain, and too small to matter."""
    assert told(colour(1_000_000), colour(1_000_000, 2_000)) is Verdict.PROMOTE


def test_one_route_that_fails_is_found_among_all_that_do_not():
    good = {"GET /v1/contexts": answers(100_000), "POST /v1/render": answers(400)}
    bad = good | {"POST /v1/render": answers(400, failed=100)}
    old, new = colour(answers=good), colour(answers=bad)
    (reason,) = against(old, new)
    assert (reason.verdict, reason.numbers["route"]) == (Verdict.ROLL_BACK, "POST /v1/render")
    assert told(old, colour(answers=good)) is Verdict.PROMOTE


def test_a_route_that_only_one_colour_has_says_nothing():
    new = {"GET /v1/contexts": answers(10_000), "GET /v1/more": answers(5, failed=5)}
    assert told(colour(), colour(answers=new)) is Verdict.PROMOTE


def test_while_both_fail_nothing_is_promoted():
    """As while a database fails over."""
    reasons = against(colour(100_000, 30_000), colour(100_000, 30_000))
    assert [(each.verdict, each.name) for each in reasons] == [(Verdict.WAIT, "failed")]


def test_what_is_slow_is_rolled_back_by_its_median():
    slow = colour(slower=times(quick=2_000, slow=8_000))
    reasons = against(colour(), slow)
    assert {(each.verdict, each.name) for each in reasons} == {(Verdict.ROLL_BACK, "slow")}
    assert reasons[0].detail.startswith("median ")


def test_what_is_slow_for_one_in_ten_is_rolled_back_by_its_slowest():
    (reason,) = against(colour(), colour(slower=times(quick=9_000, slow=1_000)))
    assert (reason.verdict, reason.numbers["quantile"]) == (Verdict.ROLL_BACK, 0.95)


def test_a_few_slow_answers_are_no_reason():
    assert told(colour(), colour(slower=times(quick=9_900, slow=100))) is Verdict.PROMOTE


def test_a_cold_start_is_no_reason():
    """The first answers of a new version are slow."""
    assert told(colour(), colour(slower=times(quick=0, slow=50))) is Verdict.WAIT


def test_slower_may_be_allowed():
    old, new = colour(), colour(slower=times(quick=1_000, middling=9_000))
    assert told(old, new) is Verdict.ROLL_BACK
    assert told(old, new, replace(BOUNDS, slower=20.0)) is Verdict.PROMOTE


def test_where_more_is_allowed_than_the_histogram_tells_its_last_bound_holds():
    old, new = (colour(slower=times(quick=0, slow=10_000)) for _ in range(2))
    assert told(old, new, replace(BOUNDS, slower=1000.0)) is Verdict.PROMOTE
    late = {0.005: 0, 0.05: 0, 0.5: 1_000, INFINITE: 10_000}
    assert told(old, colour(slower=late), replace(BOUNDS, slower=1000.0)) is Verdict.ROLL_BACK


def test_what_is_slower_than_the_histogram_tells_cannot_be_compared():
    old = colour(slower={0.005: 0, 0.5: 0, INFINITE: 10_000})
    assert told(old, colour()) is Verdict.WAIT


def test_a_colour_that_prometheus_does_not_know_is_waited_for():
    (reason,) = judged(colour(), colour(selector='color="green"', nodes=0), BOUNDS)
    assert reason.verdict is Verdict.WAIT
    assert 'no node with color="green"' in reason.detail


@pytest.mark.parametrize(
    ("more", "name"),
    [({"up": 1}, "nodes"), ({"restarts": 1}, "restarts"), ({"away": ("store",)}, "dependencies")],
)
def test_a_new_colour_that_is_not_well_is_waited_for(more, name):
    (reason,) = against(colour(), colour(**more))
    assert (reason.verdict, reason.name) == (Verdict.WAIT, name)


def test_one_that_begins_anew_again_and_again_is_rolled_back():
    assert told(colour(), colour(restarts=3)) is Verdict.ROLL_BACK


def test_the_strongest_reason_decides_and_none_promotes_nothing():
    one = {each: Reason(each, "x", "") for each in Verdict}
    assert verdict(one.values()) is Verdict.ROLL_BACK
    assert verdict([one[Verdict.PROMOTE], one[Verdict.WAIT]]) is Verdict.WAIT
    assert verdict([]) is Verdict.WAIT


def test_more_looks_and_more_confidence_need_more_to_go_by():
    risks = [Bounds(looks=n).risk for n in (1, 20, 1000)] + [Bounds(confidence=0.99999).risk]
    assert risks == sorted(risks, reverse=True)


def test_quantiles_are_read_between_two_bounds():
    one = colour(slower={0.005: 0, 0.05: 100, INFINITE: 100})
    assert one.quantile(0.5) == pytest.approx(0.0275)
    assert colour(slower={}).quantile(0.5) is None
    assert colour(slower={0.05: 10, INFINITE: 100}).quantile(0.5) is None
