"""Transforms of other packages are found by their entry points, or the start stops."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from backstory import extensions
from backstory.config import load
from backstory.errors import ConfigError
from backstory.processing.choosing import rules_of
from backstory.processing.transforms.catalogue import extension_makers
from backstory.processing.transforms.transform import transform_text


class Shout:
    name = "shout"

    def suspects(self, raw):
        return raw != raw.upper()

    def apply(self, texts, counts):
        counts["shout:texts"] += len(texts)
        return [text.upper() for text, _ in texts]


@pytest.fixture
def installed(monkeypatch):
    """Installs entry points for the length of a test."""
    module = ModuleType("shouting")
    module.make, module.thing = lambda options: Shout(**options), 5
    monkeypatch.setitem(sys.modules, "shouting", module)

    def install(**points):
        found = [EntryPoint(name, value, extensions.TRANSFORMS) for name, value in points.items()]
        monkeypatch.setattr(extensions, "entry_points", lambda group: found)
        extensions.makers.cache_clear()

    yield install
    extensions.makers.cache_clear()


def test_an_extension_is_chosen_by_its_name(installed):
    installed(shout="shouting:make")
    written = {"rules": [{"transforms": ["hidden", "shout"]}]}
    chosen = rules_of(written, extension_makers()).choose("session", "users.1")
    assert transform_text("hi", chosen)[0] == "HI"
    assert load(environ={"BACKSTORY_PROCESSING": '{"rules": [{"transforms": ["shout"]}]}'})


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ({"hidden": "shouting:make"}, "name is taken"),
        ({"shout": "nowhere:make"}, "cannot be loaded: ModuleNotFoundError"),
        ({"shout": "shouting:nothing"}, "cannot be loaded: AttributeError"),
        ({"shout": "shouting:thing"}, "is no function"),
    ],
)
def test_a_bad_extension_is_one_line_that_names_it(installed, points, why):
    installed(**points)
    with pytest.raises(ConfigError, match=why) as wrong:
        load(environ={"BACKSTORY_PROCESSING": '{"rules": [{"transforms": ["hidden"]}]}'})
    assert "backstory.transforms" in str(wrong.value)
    assert "\n" not in str(wrong.value)
