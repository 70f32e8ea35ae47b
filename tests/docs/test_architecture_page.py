"""The page on the architecture and its drawing name every room that there is."""

import re

import pytest

from pages import DOCS, ROOT

PAGE = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
ROOMS = sorted(
    path.name
    for path in (ROOT / "src" / "backstory").iterdir()
    if path.is_dir() and not path.name.startswith("_")
)


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_is_told(room):
    assert f"`{room}/`" in PAGE


def test_each_room_is_drawn_on_its_floor():
    drawn = (DOCS / "assets" / "rooms.svg").read_text(encoding="utf-8")
    words = re.findall(r">([a-z, ]+)</text>", drawn)
    named = {word for each in words for word in each.split(", ")}
    assert set(ROOMS) - {"testing"} - named == set()


def test_each_file_that_is_named_is_there():
    files = re.findall(r"`([a-z_]+/[a-z_]+\.py)`", PAGE)
    assert files
    assert [name for name in files if not (ROOT / "src" / "backstory" / name).is_file()] == []
