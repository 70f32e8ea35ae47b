"""The reference says what the code says."""

import re

import pytest

import docs_tables
from backstory import limits

UPDATE = "is not what the code says; `scripts/reference` brings it up to date"


@pytest.mark.parametrize("page", docs_tables.pages(), ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_of_the_code(page):
    text = page.read_text(encoding="utf-8")
    assert text == docs_tables.brought_up_to_date(text), f"{page.name} {UPDATE}"


def test_each_table_has_its_page():
    text = "".join(page.read_text(encoding="utf-8") for page in docs_tables.pages())
    assert set(docs_tables.tables_of(text)) == set(docs_tables.TABLES)


def test_every_bound_is_documented_with_its_meaning():
    page = (docs_tables.REFERENCE / "limits.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z_]+)` \| \S+ \| [^|]{5,} \|$", page, re.MULTILINE))
    assert [n for n in vars(limits) if n.isupper() and n not in documented | {"KIB", "MIB"}] == []


def test_each_built_in_prompt_and_template_is_documented():
    from backstory.transports.mcp.uris import ENTRIES_TEMPLATE, TEMPLATE
    from backstory.transports.mcp.windows import BUILT_IN

    page = (docs_tables.REFERENCE / "mcp.md").read_text(encoding="utf-8")
    names = [*(prompt.name for prompt in BUILT_IN), TEMPLATE, ENTRIES_TEMPLATE]
    assert [name for name in names if f"`{name}`" not in page] == []
