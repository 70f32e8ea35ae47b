"""Every threat on the page has a wall and a test, and every test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows():
    """Threat, wall and tests of each row."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("threat", "---")]


@cache
def functions(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:50])
def test_each_threat_has_a_wall_and_a_test(row):
    threat, wall, tests = row
    assert threat
    assert wall
    assert _TEST.search(tests)


@pytest.mark.parametrize("named", sorted(set(_TEST.findall(PAGE))), ids="::".join)
def test_each_test_that_is_named_is_there(named):
    path, function = named
    assert (ROOT / path).is_file()
    assert function in functions(path)


def test_each_file_of_the_attack_suite_is_named():
    named = {path for path, _ in _TEST.findall(PAGE)}
    files = {f"tests/attacks/{path.name}" for path in (ROOT / "tests" / "attacks").glob("test_*")}
    assert files - named == set()


@pytest.mark.parametrize("words", ["Prompt injection through stored context", "Exfiltration by search", "Poisoned preferences"])  # fmt: skip
def test_what_context_makes_possible_is_on_the_page(words):
    assert words in PAGE
