"""The budget of what requests cost: how it is read, and what it says of what was measured."""

import sys

import pytest

from pages import ROOT

TEXT = """# what it is
fall = 0.15

[rows."REST read"]
held = 0.4
wanted = 0.45

[rows."durable append"]
held = 0.08
"""


@pytest.fixture
def budget(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import budget

    yield budget
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def written(budget, tmp_path):
    def write(text):
        path = tmp_path / "budget.toml"
        path.write_text(text, encoding="utf-8")
        return budget.read(path)

    return write


def verdicts(budget, written, **found):
    rows = {"REST read": 0.4, "durable append": 0.08} | found
    return {one.work: one for one in budget.compared(written(TEXT), rows)}


def test_the_budget_of_the_project_can_be_read(budget):
    found = budget.read()
    assert found.fall == 0.15
    assert all(row.wanted is None or row.wanted > 0 for row in found.rows.values())


@pytest.mark.parametrize("found", [0.341, 0.4, 0.45])
def test_what_falls_by_less_than_is_allowed_holds(budget, written, found):
    one = verdicts(budget, written, **{"REST read": found})["REST read"]
    assert not one.fails
    assert one.says == "holds"


def test_what_falls_by_more_fails_and_says_by_how_much(budget, written):
    found = verdicts(budget, written, **{"REST read": 0.338, "durable append": 0.08})
    assert found["REST read"].fails
    assert found["REST read"].says == "fell by 16%, more than 15%"
    assert not found["durable append"].fails


def test_what_became_better_passes_and_asks_to_raise_the_budget(budget, written):
    one = verdicts(budget, written, **{"REST read": 0.6})["REST read"]
    assert not one.fails
    assert one.says == "rose by 50%: raise the budget"


def test_a_row_that_was_not_measured_is_an_error(budget, written):
    with pytest.raises(budget.BudgetError, match="not measured: durable append"):
        list(budget.compared(written(TEXT), {"REST read": 0.4}))


def test_something_measured_without_a_row_is_an_error(budget, written):
    with pytest.raises(budget.BudgetError, match=r"no row in budget\.toml: REST 304"):
        verdicts(budget, written, **{"REST 304": 0.5})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fall =", "budget.toml"),
        ("fall = 0.15", "there is no row"),
        (TEXT.replace("fall = 0.15", ""), "fall must be a number over 0"),
        (TEXT.replace("0.15", "1.5"), "fall must be less than 1"),
        (TEXT.replace("0.4\n", "true\n"), "held of REST read must be a number over 0"),
        (TEXT.replace("0.4\n", "0\n"), "held of REST read must be a number over 0"),
        (TEXT.replace("0.4\n", "nan\n"), "held of REST read must be a number over 0"),
        (TEXT.replace("0.45", "'much'"), "wanted of REST read must be a number over 0"),
        (TEXT.replace("held = 0.08", "wanted = 0.1"), "durable append needs `held`"),
        (TEXT.replace("wanted", "wished"), "REST read needs `held`"),
    ],
)
def test_what_is_no_budget_is_refused_with_what_is_wrong(budget, written, text, says):
    with pytest.raises(budget.BudgetError, match=says):
        written(text)


def test_a_file_that_is_not_there_is_refused(budget, tmp_path):
    with pytest.raises(budget.BudgetError, match=r"budget\.toml"):
        budget.read(tmp_path / "budget.toml")


def test_recording_changes_what_is_held_and_nothing_else(budget):
    text = budget.recorded(TEXT, {"REST read": 0.41234, "durable append": 0.09})
    assert text == TEXT.replace("held = 0.4\n", "held = 0.412\n").replace("0.08\n", "0.090\n")
    assert budget.recorded(TEXT, {}) == TEXT


def test_a_bare_answer_is_what_the_others_are_compared_with(budget):
    from benchmarks import cases, check

    costs = {cases.BARE: 20.0, "REST read": 50.0, "durable append": 250.0}
    assert check.ratios(costs) == {"REST read": 0.4, "durable append": 0.08}


def test_a_run_is_kept_under_its_date_and_commit_as_the_page_reads_it(budget, tmp_path):
    from datetime import UTC, datetime

    from benchmarks import history
    from benchmarks.report import Measured, Ratio, Results

    import kept_runs

    results = Results(seconds=12.34)
    results.take([Ratio("read", 0.123456, 1.0, "told"), Measured("read", "ms", {"us": 1 / 3})])
    found = history.run({"peers": results}, datetime(2026, 3, 1, 10, 5, tzinfo=UTC))
    path = history.keep(found, tmp_path)
    assert path.name == f"2026-03-01T1005Z-{found['commit'] or 'unknown'}.json"
    kept = kept_runs.newest(tmp_path)["peers"]
    assert kept.seconds == 12.3
    assert kept.row("read") == {"us": 0.33333}
    assert kept.run["machine"]["cores"] > 0
    assert {"python", "uvicorn", "kinto", "server-memory"} <= kept.run["versions"].keys()


@pytest.mark.parametrize(
    ("runs", "fallen"),
    [
        ([{"REST read": 50.0}], set()),
        ([{"REST read": 90.0}, {"REST read": 51.0}], set()),
        ([{"REST read": 90.0}, {"REST read": 80.0}, {"REST read": 50.0}], set()),
        ([{"REST read": 90.0}, {"REST read": 80.0}, {"REST read": 90.0}], {"REST read"}),
        ([{"REST read": 90.0}, {"durable append": 400.0}], set()),
    ],
)
def test_what_fell_is_measured_anew_and_fails_if_it_fell_each_time(
    budget, written, monkeypatch, runs, fallen
):
    from benchmarks import cases, check

    usual = {cases.BARE: 20.0, "REST read": 50.0, "durable append": 250.0}
    left = [usual | run for run in runs]
    monkeypatch.setattr(check, "measured", lambda rounds: left.pop(0))
    assert check._fallen(written(TEXT), 4) == fallen
    assert left == []


def test_a_curve_is_bounded_by_processor_time_beside_a_thousand(budget):
    from benchmarks.growing import PROCESSOR, Curves

    curves = Curves()
    for size, used in ((10, 1.0), (1000, 2.0), (100_000, 5.0)):
        curves.add(size, "ms", {"read": used})
        curves.add(size, PROCESSOR, {"read, worked": used})
    waited, worked = curves.ratios(2.0)
    assert (waited.ratio, waited.at_most, waited.holds) == (2.5, None, True)
    assert (worked.ratio, worked.at_most, worked.holds) == (2.5, 2.0, False)
    assert worked.work == "read, worked: 100,000 / 1,000"
    assert [one.values for one in curves.measured()] == [{"10": 1, "1000": 2, "100000": 5}] * 2
