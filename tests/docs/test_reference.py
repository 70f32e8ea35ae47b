"""The reference says what the code says."""

import re

import pytest

import reference
from backstory import limits

UPDATE = "is not what the code says; `python tests/reference.py` brings it up to date"


@pytest.mark.parametrize("page", reference.pages(), ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_of_the_code(page):
    text = page.read_text(encoding="utf-8")
    assert text == reference.brought_up_to_date(text), f"{page.name} {UPDATE}"


def test_each_table_has_its_page():
    text = "".join(page.read_text(encoding="utf-8") for page in reference.pages())
    assert [name for name in reference.TABLES if f"<!-- begin {name} -->" not in text] == []


def test_every_bound_is_documented_with_its_meaning():
    page = (reference.REFERENCE / "limits.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z_]+)` \| \S+ \| [^|]{5,} \|$", page, re.MULTILINE))
    assert [n for n in vars(limits) if n.isupper() and n not in documented | {"KIB", "MIB"}] == []


def test_each_built_in_prompt_and_template_is_documented():
    from backstory.transports.mcp.uris import ENTRIES_TEMPLATE, TEMPLATE
    from backstory.transports.mcp.windows import BUILT_IN

    page = (reference.REFERENCE / "mcp.md").read_text(encoding="utf-8")
    names = [*(prompt.name for prompt in BUILT_IN), TEMPLATE, ENTRIES_TEMPLATE]
    assert [name for name in names if f"`{name}`" not in page] == []
