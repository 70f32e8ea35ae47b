"""The page on processing knows each step, transform, bound and error that there is."""

import re
from pathlib import Path

import pytest

import docs_tables
from backstory import errors, limits
from backstory.processing.parsers import PARSERS
from backstory.processing.steps import STEPS
from backstory.processing.transforms.catalogue import MAKERS
from backstory.transports.rest import appending
from backstory.transports.rest.endpoints import ENDPOINTS

PAGE = (docs_tables.REFERENCE / "processing.md").read_text(encoding="utf-8")
REDACT = (docs_tables.REFERENCE.parent / "how-to" / "redact.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([a-z_]+)`", PAGE))
BOUNDS = set(re.findall(r"`([A-Z_]{4,})`", PAGE))
ROOMS = ("content", "parsing", "schemas of kinds", "transforms")


def bounds_of(room):
    """The bounds that stand under one heading of `limits.py`."""
    text = Path(limits.__file__).read_text(encoding="utf-8")
    section = text.split(f"# -- {room} --")[1].split("# -- ")[0]
    return set(re.findall(r"^([A-Z_]+): Final", section, re.MULTILINE))


def codes():
    found = [errors.BackstoryError]
    for each in found:
        found.extend(each.__subclasses__())
    return {each.code for each in found}


def test_the_steps_are_told_in_their_order():
    table = PAGE.split("| step |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == STEPS


@pytest.mark.parametrize("room", ROOMS)
def test_each_bound_of_the_rooms_has_its_place(room):
    assert bounds_of(room) - BOUNDS == set()


def test_each_bound_it_names_is_one():
    assert [name for name in BOUNDS if not hasattr(limits, name)] == []


def test_each_error_it_names_is_one():
    errors_told = {
        word
        for row in re.findall(r"^\|.*\| ([^|]+) \|$", PAGE, re.MULTILINE)
        for word in re.findall(r"`([a-z_]+)`", row)
    }
    others = {"transform", "characters"}  # a column, and an option
    assert errors_told - codes() - others == set()
    assert {"malformed", "schema_violation", "content_corrupt"} <= errors_told


def test_each_error_that_an_append_can_meet_is_told():
    (endpoint,) = (
        each for each in ENDPOINTS if (each.method, each.path) == ("POST", appending.PATH)
    )
    told = {"version_conflict", "precondition_failed", "idempotency_key_reused"}  # of any write
    assert {error.code for error in endpoint.errors} - told - WORDS == set()


def test_the_how_to_knows_each_transform():
    rows = re.findall(r"^\| `(\w+)` \|", REDACT, re.MULTILINE)
    assert set(rows) == set(MAKERS)


def test_each_parser_is_read_by_a_row():
    rows = PAGE.split("| what is sent |")[1].split("\n\n")[0].lower().replace(" ", "-")
    assert [p.name for p in PARSERS.values() if p.name not in rows] == []
