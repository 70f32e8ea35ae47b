"""The page on growing shows what the load model says, and the model keeps to reason."""

import sys
from dataclasses import replace
from itertools import pairwise

import pytest

from pages import DOCS, ROOT

PAGE = (DOCS / "explanation" / "scaling.md").read_text(encoding="utf-8")


@pytest.fixture
def model(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import load_model

    yield load_model
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)


def test_the_page_shows_the_sizes_that_the_model_gives(model):
    table = "\n".join(line.rstrip() for line in model.sizing(model.Load(), model.Costs()))
    assert table in PAGE


def test_the_page_shows_a_hit_rate_that_the_cache_has(model):
    assert "\n".join(model.by_bytes([2])) in PAGE


def test_more_bytes_find_no_less_and_writes_find_no_more(model):
    few = model.Traffic(contexts=500, requests=4_000)
    rates = [model.hit_rates.hit_rate(kib * 1024, few) for kib in (64, 256, 1024, 8192)]
    assert rates == sorted(rates)
    assert 0 < rates[0] < rates[-1] < 1
    quiet = replace(few, writes=0.0)
    assert model.hit_rates.hit_rate(8192 * 1024, quiet) > rates[-1]


def test_a_larger_load_never_takes_less(model):
    needs = [model.need(model.Load().times(scale), model.Costs()) for scale in (1, 10, 100)]
    for less, more in pairwise(needs):
        assert more.processes >= less.processes
        assert all(more.shares[name] >= share for name, share in less.shares.items())
