"""Parsers, formats and transforms of extensions are held to what ours promise."""

from collections import Counter

import pytest

from backstory.config import load
from backstory.domain.messages import Format, Losses, Rendered
from backstory.errors import BackstoryError, BrokenExtensionError, ConfigError, MalformedError
from backstory.processing.accepted import BUILT_IN, with_extensions
from backstory.processing.formats.added import NAMES
from backstory.processing.parsers import parse
from backstory.processing.sources import SOURCES
from backstory.processing.transforms.catalogue import extension_makers, transforms_of
from backstory.rendering.models import FORMS
from installing import installed as installed  # noqa: PLC0414 (a fixture)

PARSER = """
from backstory.extending import *

def parse(body, parameters):
    return {result}

def make():
    return Parser({name!r}, {types!r}, {wanted}, {most}, parse)
"""
USUAL = {
    "result": "Value(1)",
    "name": "odd",
    "types": ("text/odd",),
    "wanted": "Value",
    "most": "9",
}
USUAL_FORMAT = {
    "name": "odd",
    "media": "application/x-odd+json",
    "members": ("turns",),
    "parse": "lambda raw: []",
    "render": "lambda entries: Rendered({'turns': [7] * len(entries)}, ())",
}
FORMAT = """
from backstory.extending import *

def make():
    return Format({name!r}, "A form", {media!r}, {members!r}, {parse}, {render})
"""
TRANSFORM = """
from backstory.extending import *

class Loud:
    name = "loud"

    def suspects(self, raw):
        return {suspects}

    def apply(self, texts, counts):
        return {texts}

def make(options):
    return {made}
"""


@pytest.fixture
def parser(installed):
    def install(point="odd", **parts):
        source = PARSER.format(**USUAL | parts)
        installed({"backstory.parsers": {point: "odd_parser:make"}}, odd_parser=source)
        return with_extensions().parsers

    return install


@pytest.fixture
def form(installed):
    def install(point="odd", **parts):
        source = FORMAT.format(**USUAL_FORMAT | parts)
        installed({"backstory.formats": {point: "odd_format:make"}}, odd_format=source)
        return with_extensions().formats[point]

    return install


@pytest.fixture
def transform(installed):
    def install(suspects="True", texts="[text.upper() for text, _ in texts]", made="Loud()"):
        source = TRANSFORM.format(suspects=suspects, texts=texts, made=made)
        installed({"backstory.transforms": {"loud": "loud_things:make"}}, loud_things=source)
        (found,) = transforms_of(["loud"], extension_makers())
        return found

    return install


def test_without_extensions_there_is_what_is_built_in():
    assert with_extensions() == BUILT_IN


def test_an_added_parser_reads_its_types_and_no_other_parser_changes(parser):
    known = parser(result='Value({"n": (1, 2)})', types=("text/odd", "application/x-odd"))
    assert parse(b"x", "application/x-odd; charset=utf-8", known).value == {"n": [1, 2]}
    assert known.keys() - BUILT_IN.parsers.keys() == {"text/odd", "application/x-odd"}
    assert {name: known[name] for name in BUILT_IN.parsers} == BUILT_IN.parsers
    with pytest.raises(BackstoryError, match="are parsed at once"):
        parse(b"0123456789", "text/odd", known)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"name": "other"}, "its parser is named other"),
        ({"point": "json", "name": "json"}, "the name is taken"),
        ({"wanted": "dict"}, "result is Value, Records, Text or Table"),
        ({"most": "0"}, "most_bytes is from 1"),
        ({"most": "10**9"}, "most_bytes is from 1"),
        ({"types": ()}, "it has no media type"),
        ({"types": ("odd",)}, "'odd' is no media type"),
        ({"types": ("text/ODD",)}, "is no media type"),
        ({"types": ("text/odd; x=1",)}, "is no media type"),
        ({"types": ("text/csv",)}, "text/csv is taken"),
    ],
)
def test_a_parser_that_is_none_is_refused_at_the_start(parser, parts, why):
    with pytest.raises(ConfigError, match=why):
        parser(**parts)


def test_two_parsers_of_one_media_type_are_refused_at_the_start(parser, installed):
    parser()
    source = PARSER.format(**USUAL | {"name": "odder"})
    points = {"backstory.parsers": {"odder": "odder_parser:make"}}
    installed(points, package="other-things", odder_parser=source)
    with pytest.raises(ConfigError, match="text/odd is taken"):
        with_extensions()


@pytest.mark.parametrize(
    ("parts", "error", "why"),
    [
        ({"result": "int('x')"}, MalformedError, "the body is no odd: invalid literal"),
        ({"result": "parse(body, parameters)"}, MalformedError, "too deep"),
        ({"result": "Value(float('nan'))"}, MalformedError, "no odd: Out of range float"),
        ({"result": "Value(2**70)"}, MalformedError, "64 bits"),
        ({"result": r"Value('\ud800')"}, MalformedError, "surrogate"),
        ({"result": r"Text('\ud800')", "wanted": "Text"}, MalformedError, "no odd"),
        ({"result": r"Table(None, (('\ud800',),))", "wanted": "Table"}, MalformedError, "no odd"),
        ({"result": "parameters['x']"}, BrokenExtensionError, "acme-things 1.2. failed: KeyError"),
        ({"result": "Text('x')"}, BrokenExtensionError, "gave Text, not Value"),
        ({"result": "None"}, BrokenExtensionError, "gave NoneType, not Value"),
        ({"result": "Value({1, 2})"}, BrokenExtensionError, "failed: TypeError"),
        (
            {"result": "Records((1, 2), (1,))", "wanted": "Records"},
            BrokenExtensionError,
            "IndexError",
        ),
    ],
)
def test_what_a_parser_gives_is_strict_json_or_a_clear_error(parser, parts, error, why):
    known = parser(**parts)
    with pytest.raises(error, match=why):
        parse(b"x", "text/odd", known)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"name": "other"}, "its format is named other"),
        ({"point": "Odd", "name": "Odd"}, "a letter, then"),
        ({"members": ()}, "members is a tuple of names"),
        ({"members": "turns"}, "members is a tuple of names"),
        ({"media": "text/odd"}, r"its media type ends in \+json"),
        ({"media": "odd+json"}, "is no media type"),
        ({"media": "application/vnd.backstory.openai+json"}, "is taken"),
        ({"render": "lambda entries: 7"}, "failed: AttributeError"),
        ({"render": "lambda entries: Rendered({}, ())"}, "wrote no list of turns"),
        ({"render": "lambda entries: Rendered({'turns': 'x'}, ())"}, "wrote no list of turns"),
        ({"point": "gemini", "name": "gemini"}, "the name is taken"),
    ],
)
def test_a_format_that_is_none_is_refused_at_the_start(form, parts, why):
    with pytest.raises(ConfigError, match=why):
        form(**parts)


def test_a_format_cannot_take_the_name_of_a_window_or_of_a_source():
    assert {*FORMS, *SOURCES} <= NAMES


def test_a_format_that_breaks_its_promise_is_named(form):
    only_one = "lambda entries: Rendered({'turns': [] if len(entries) == 1 else None}, ())"
    found = form(parse="lambda raw: 1 / 0", render=only_one)
    with pytest.raises(BrokenExtensionError, match="wrote no list of turns"):
        found.render([])
    with pytest.raises(BrokenExtensionError, match="failed: ZeroDivisionError"):
        found.parse({})


def test_a_parser_and_a_format_cannot_share_a_media_type(parser, installed):
    parser(types=("application/x-odd+json",))
    source = FORMAT.format(**USUAL_FORMAT)
    points = {"backstory.formats": {"odd": "odd_format:make"}}
    installed(points, package="other-things", odd_format=source)
    with pytest.raises(ConfigError, match=r"odd of backstory.formats .*json is taken"):
        with_extensions()


def test_a_model_may_have_a_format_that_is_added(form):
    form()
    settings = load(
        environ={"BACKSTORY_MODELS": '{"my-*": {"counter": "llama3", "format": "odd"}}'}
    )
    assert settings.models
    with pytest.raises(ConfigError, match=r"markdown, odd\)"):
        load(environ={"BACKSTORY_MODELS": '{"my-*": {"counter": "llama3", "format": "none"}}'})


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"made": "options['prefix']"}, "KeyError: 'prefix'"),
        ({"made": "7"}, "made int, which is no Transform"),
        ({"made": "Loud(**options, more=1)"}, "TypeError"),
    ],
)
def test_a_transform_that_cannot_be_made_is_one_line(transform, parts, why):
    with pytest.raises(ConfigError, match=why) as wrong:
        transform(**parts)
    assert "extension loud of backstory.transforms (loud_things:make, acme-" in str(wrong.value)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ("open('/nowhere')", "failed: FileNotFoundError"),
        ("[]", "gave other than a text for each text"),
        ("[7]", "gave other than a text for each text"),
    ],
)
def test_a_transform_that_fails_is_named(transform, texts, why):
    with pytest.raises(BrokenExtensionError, match=why):
        transform(texts=texts).apply([("a", None)], Counter())


def test_what_authors_need_is_in_one_place():
    from backstory import extending

    assert all(hasattr(extending, name) for name in extending.__all__)
    assert {Format, Losses, Rendered} <= {getattr(extending, name) for name in extending.__all__}
