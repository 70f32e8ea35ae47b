"""Extensions are found by their entry points, or the start stops with a line that names them."""

import pytest

from backstory import extensions
from backstory.config import load
from backstory.errors import BrokenExtensionError, ConfigError, MalformedError
from backstory.extensions import Extension, Group, guarded, inspected, made
from backstory.processing.choosing import rules_of
from backstory.processing.transforms.catalogue import GROUP, extension_makers
from backstory.processing.transforms.transform import transform_text
from installing import installed as installed  # noqa: PLC0414 (a fixture)

SHOUT = """
class Shout:
    name = "shout"

    def suspects(self, raw):
        return raw != raw.upper()

    def apply(self, texts, counts):
        counts["shout:texts"] += len(texts)
        return [text.upper() for text, _ in texts]

def make(options):
    return Shout(**options)

def fails():
    raise RuntimeError("no\\n such day")

thing = 5
"""
THINGS = "backstory.transforms"


def test_an_extension_is_chosen_by_its_name(installed):
    installed({THINGS: {"shout": "shouting:make"}}, shouting=SHOUT)
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
        ({"shout": "leaving:make"}, "cannot be loaded: SystemExit"),
        ({"shout": "no entry point"}, "cannot be loaded: "),
    ],
)
def test_a_bad_extension_is_one_line_that_names_it(installed, points, why):
    installed({THINGS: points}, shouting=SHOUT, leaving="raise SystemExit(3)")
    with pytest.raises(ConfigError, match=why) as wrong:
        load(environ={"BACKSTORY_PROCESSING": '{"rules": [{"transforms": ["hidden"]}]}'})
    (name,) = points
    told = f"extension {name} of backstory.transforms ({points[name]}, acme-things 1.2)"
    assert str(wrong.value).startswith(told)
    assert "\n" not in str(wrong.value)


def test_a_name_that_two_packages_want_is_refused(installed):
    installed({THINGS: {"shout": "shouting:make"}}, shouting=SHOUT)
    installed({THINGS: {"shout": "shouting:make"}}, package="other-things")
    with pytest.raises(ConfigError, match=r"things 1.2\): the name is taken"):
        extension_makers()


def test_a_package_that_says_nothing_of_itself_can_be_told_of(installed):
    folder = installed({THINGS: {"shout": "nowhere:make"}})
    (about,) = folder.glob("*.dist-info")
    (about / "METADATA").unlink()
    with pytest.raises(ConfigError, match=r"\(nowhere:make, unknown unknown\) cannot be loaded"):
        extension_makers()


def test_what_a_maker_raises_stays_on_one_line(installed):
    installed({"backstory.kinds": {"day": "shouting:fails"}}, shouting=SHOUT)
    group = Group("backstory.kinds", frozenset(), lambda _, maker: maker())
    with pytest.raises(ConfigError, match=r"acme-things 1.2\): RuntimeError: no such day"):
        made(group)


def test_every_extension_is_looked_at_however_many_are_broken(installed):
    points = {"broken": "nowhere:make", "hidden": "shouting:make", "shout": "shouting:make"}
    installed({THINGS: points, "backstory.typos": {"a": "b:c"}}, shouting=SHOUT)
    every = list(inspected([GROUP]))
    found = {each.name: each.problem for each in every}
    assert [each.name for each in every if each.ignored] == ["a"]
    assert found.keys() >= {"broken", "hidden", "shout", "a"}
    assert "cannot be loaded" in found["broken"]
    assert "the name is taken" in found["hidden"]
    assert found["shout"] is None
    assert "there is no group backstory.typos" in found["a"]


def test_a_failing_extension_is_named_and_its_clear_errors_go_through():
    extension = Extension(extensions.PARSERS, "vtt", "acme:vtt", "acme-things", "1.2")

    def read(text):
        if not text:
            raise MalformedError("nothing there")
        return text["x"]

    call = guarded(extension, read)
    with pytest.raises(MalformedError, match="nothing there"):
        call("")
    with pytest.raises(
        BrokenExtensionError, match=r"acme-things 1.2\) failed: TypeError"
    ) as failed:
        call("secret")
    assert "secret" not in str(failed.value)
