"""The page on performance shows the runs that are kept, and its plots their numbers."""

import dataclasses
import json

import pytest

import drawing
import kept_runs
from docs_tables import PERFORMANCE

PICTURES = {picture.name: picture for picture in drawing.pictures()}


def run(folder, date, **benchmarks):
    results = {
        name: {"seconds": 1.0, "measured": {"work": {"unit": "ms", "values": values}}}
        for name, values in benchmarks.items()
    }
    (folder / f"{date}.json").write_text(json.dumps({"date": date, "benchmarks": results}))


@pytest.mark.parametrize("name", PICTURES)
def test_a_plot_is_drawn_from_the_newest_run(name):
    assert PICTURES[name].drawn(), "`scripts/plots` draws it anew"


def test_the_page_shows_each_plot_and_no_other():
    text = PERFORMANCE.read_text(encoding="utf-8")
    files = {path.name for picture in PICTURES.values() for path in picture.paths()}
    assert {path.name for path in drawing.FOLDER.iterdir()} == files
    assert [name for name in sorted(files) if f"(performance/{name})" not in text] == []


@pytest.mark.parametrize("name", PICTURES)
def test_a_plot_has_no_date_that_would_change_it_each_time(name):
    for path in PICTURES[name].paths():
        assert b"date>" not in path.read_bytes()


def test_other_numbers_make_a_plot_old(tmp_path):
    (shown, *_) = PICTURES.values()
    for path in shown.paths(tmp_path):
        path.write_text(f"data sha256 {shown.digest}")
    assert shown.drawn(tmp_path)
    other = dataclasses.replace(shown, unit="another")
    assert not other.drawn(tmp_path)


def test_of_each_benchmark_the_newest_run_counts(tmp_path):
    run(tmp_path, "2026-03-01T10:00Z", serving={"bare": 1.0}, peers={"Kinto": 1.0})
    run(tmp_path, "2026-03-01T09:00Z", serving={"bare": 3.0}, workers={"one": 3.0})
    run(tmp_path, "2026-03-02T08:00Z", peers={"Kinto": 2.0})
    found = {name: kept.row("work") for name, kept in kept_runs.newest(tmp_path).items()}
    assert found == {"serving": {"bare": 1.0}, "peers": {"Kinto": 2.0}, "workers": {"one": 3.0}}
    assert kept_runs.newest(tmp_path / "nothing") == {}
