"""What an extension says of a kind is checked as a registration is, before anything starts."""

import pytest

from backstory.errors import BackstoryError, ConfigError
from backstory.extensions import made
from backstory.processing.schemas.packaged import GROUP, kind_of
from installing import installed as installed  # noqa: PLC0414 (a fixture)

SCHEMA = {"type": "object", "properties": {"stage": {"enum": ["new", "done"]}}}
STEP = [{"op": "add", "path": "/stage", "value": "new"}]


def test_a_kind_has_its_first_version_unless_it_says_another():
    assert kind_of({"schema": SCHEMA}).version == 1
    assert kind_of({"schema": SCHEMA, "version": 4}).version == 4
    assert kind_of({"schema": SCHEMA, "migrations": {3: STEP, 2: STEP}}).version == 3


def test_a_kind_is_read_back_from_its_state():
    kind = kind_of({"schema": SCHEMA, "version": 3, "migrations": {"2": STEP}})
    assert type(kind).decode(kind.encode()) == kind


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ([], "must be an object"),
        ({}, "/schema: is missing"),
        ({"schema": True}, "/schema: must be a JSON Schema"),
        ({"schema": {"type": "odd"}}, "/schema/type"),
        ({"schema": {"$ref": "https://example.com/x"}}, "nothing is ever fetched"),
        ({"schema": SCHEMA, "extra": 1}, "/extra: no such member"),
        ({"schema": SCHEMA, "compatibility": "some"}, "/compatibility"),
        ({"schema": SCHEMA, "migration": STEP}, "/migration"),
        ({"schema": SCHEMA, "version": True}, "/version: must be a whole number"),
        ({"schema": SCHEMA, "version": "1"}, "/version: must be a whole number"),
        ({"schema": SCHEMA, "version": 0}, "/version: must be from"),
        ({"schema": SCHEMA, "version": 2, "migrations": {"3": STEP}}, "/version: must be from"),
        ({"schema": SCHEMA, "migrations": {"1": STEP}}, "from 2 to 1000"),
        ({"schema": SCHEMA, "migrations": {"two": STEP}}, "from 2 to 1000"),
        ({"schema": SCHEMA, "migrations": STEP}, "/migrations: must be an object"),
        ({"schema": SCHEMA, "migrations": {"2": [{"op": "odd"}]}}, "/migrations/2/0"),
    ],
)
def test_a_wrong_kind_is_refused_with_its_place(spec, place):
    with pytest.raises(BackstoryError, match=place):
        kind_of(spec)


@pytest.mark.parametrize(
    ("name", "source", "why"),
    [
        ("deal", "make = lambda: {'schema': {'type': 'odd'}}", "/schema/type"),
        ("deal", "make = lambda: {'schema': {'const': {1, 2}}}", "TypeError"),
        ("deal", "make = lambda needed: {}", "missing 1 required positional argument"),
        ("session", "make = lambda: {'schema': {}}", "the name is taken"),
        ("kind", "make = lambda: {'schema': {}}", "the name is taken"),
        ("Deal", "make = lambda: {'schema': {}}", "cannot name a kind"),
    ],
)
def test_a_broken_kind_stops_the_start_with_a_line_that_names_it(installed, name, source, why):
    installed({"backstory.kinds": {name: "deals:make"}}, deals=source)
    with pytest.raises(ConfigError, match=why) as wrong:
        made(GROUP)
    assert str(wrong.value).startswith(f"extension {name} of backstory.kinds (deals:make, acme-")
    assert "\n" not in str(wrong.value)
