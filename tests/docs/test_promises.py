"""The page of promises names tests that are there, and leaves no promise out."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/promises.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@pytest.mark.parametrize(("file", "test"), NAMED.findall(PAGE.read_text(encoding="utf-8")))
def test_each_test_that_the_page_names_is_there(file, test):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not test or re.search(
        rf"^(?:(?:async )?def|class) {test}\b|^{test} = ", text, re.MULTILINE
    )


def test_all_ten_promises_are_told():
    found = re.findall(r"^(\d+)\. \*\*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found == [str(number) for number in range(1, 11)]
