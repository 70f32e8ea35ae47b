"""How the files of `deploy/` are hurried for `make observe`."""

import pytest

from observing.profile import hurried, replaced


def test_windows_and_waits_are_shortened_and_nothing_else():
    rule = (
        "expr: rate(x[30m]) > 0.1 unless x offset 10m\n"
        "for: 1h\nlabels: {window: 1h}\nsummary: over 1h, more than 5m"
    )
    assert hurried(rule, 60) == (
        "expr: rate(x[30000ms]) > 0.1 unless x offset 10000ms\n"
        "for: 60000ms\nlabels: {window: 1h}\nsummary: over 1h, more than 5m"
    )


def test_a_window_holds_several_scrapes_however_fast_it_goes():
    assert hurried("rate(x[1m])", 600) == "rate(x[5000ms])"
    assert hurried("for: 1m", 60) == "for: 3000ms"


def test_what_is_foretold_is_as_near_as_the_rest():
    assert hurried("predict_linear(x[6h], 86400) < 5e9", 60) == (
        "predict_linear(x[360000ms], 1440) < 5e9"
    )


def test_nothing_is_made_longer_and_no_wait_longer_than_it_was():
    assert hurried("group_wait: 0s", 60) == "group_wait: 0ms"
    assert hurried("rate(x[2s])", 60) == "rate(x[2000ms])"


def test_what_is_replaced_has_to_be_there():
    assert replaced("a b", {"a": "c"}) == "c b"
    with pytest.raises(ValueError, match="d is not there"):
        replaced("a b", {"d": "c"})
