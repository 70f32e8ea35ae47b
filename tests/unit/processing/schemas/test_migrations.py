"""Migrations are pure, ordered, bounded, and say where they do not apply."""

import orjson
import pytest

from backstory import limits
from backstory.errors import PatchConflictError, SchemaError, TooLargeError
from backstory.processing.schemas.migrations import Migration, migrate


def apply(operations, state):
    return orjson.loads(Migration.of(operations).apply(orjson.dumps(state)))


def test_a_value_is_taken_from_the_state_before_the_step():
    operations = [
        {"op": "remove", "path": "/first"},
        {"op": "add", "path": "/name", "value": {"given": {"$from": "/first"}, "known": True}},
    ]
    assert apply(operations, {"first": "Anna"}) == {"name": {"given": "Anna", "known": True}}


def test_a_default_stands_where_nothing_lies():
    operations = [{"op": "add", "path": "/a", "value": [{"$from": "/b/0", "default": None}]}]
    assert apply(operations, {}) == {"a": [None]}
    assert apply(operations, {"b": [1]}) == {"b": [1], "a": [1]}


@pytest.mark.parametrize("pointer", ["/b", "/list/-", "/list/9", "/list/x", "/text/0"])
def test_without_a_default_the_step_does_not_apply(pointer):
    with pytest.raises(PatchConflictError) as refused:
        apply(
            [{"op": "add", "path": "/a", "value": {"$from": pointer}}], {"list": [1], "text": "x"}
        )
    assert refused.value.context["operation"] == 0


def test_an_operation_can_depend_on_what_was_there_before_the_step():
    operations = [
        {"op": "move", "from": "/old", "path": "/new", "when": "/old"},
        {"op": "add", "path": "/seen", "value": True, "when": "/new"},
    ]
    assert apply(operations, {"old": 1}) == {"new": 1}
    assert apply(operations, {"other": 1}) == {"other": 1}
    assert apply(operations, {"new": 1}) == {"new": 1, "seen": True}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"op": "add"}, "/migration"),
        ([{"op": "add", "path": "/a"}], "/migration/0"),
        ([{"op": "remove", "path": "a"}], "/migration/0"),
        ([{"op": "remove", "path": "/a", "when": "b"}], "/migration/0/when"),
        ([{"op": "add", "path": "/a", "value": {"$from": 3}}], "/migration/0/value/$from"),
        (
            [{"op": "add", "path": "/a", "value": [{"$from": "/b", "else": 1}]}],
            "/migration/0/value/0",
        ),
    ],
)
def test_what_is_no_template_is_refused_at_its_place(document, pointer):
    with pytest.raises(SchemaError) as refused:
        Migration.of(document)
    assert [v.pointer for v in refused.value.errors] == [pointer]


def test_migrations_are_bounded_in_operations_and_in_what_they_copy():
    with pytest.raises(TooLargeError):
        Migration.of([{"op": "remove", "path": "/a"}] * (limits.MIGRATION_OPERATIONS + 1))
    step = Migration.of(
        [{"op": "add", "path": "/b", "value": [{"$from": ""}] * 100}],
    )
    with pytest.raises(TooLargeError):
        step.apply(orjson.dumps({"a": "x" * (limits.STATE_BYTES // 50)}))


STEPS = {
    2: Migration.of([{"op": "move", "from": "/a", "path": "/b"}]),
    4: Migration.of([{"op": "replace", "path": "/b", "value": [{"$from": "/b"}]}]),
}


def test_steps_are_taken_in_order_and_versions_without_one_change_nothing():
    assert migrate(b'{"a":1}', STEPS, 1, 4) == b'{"b":[1]}'
    assert migrate(b'{"a":1}', STEPS, 1, 3) == b'{"b":1}'
    assert migrate(b'{"b":1}', STEPS, 2, 3) == b'{"b":1}'
    assert migrate(b'{"b":1}', STEPS, 4, 4) == b'{"b":1}'


def test_a_step_that_does_not_apply_says_which():
    with pytest.raises(SchemaError) as refused:
        migrate(b'{"x":1}', STEPS, 1, 4)
    assert refused.value.context["version"] == 2
    assert refused.value.errors[0].rule == "/migrations/2/0"


def test_a_state_of_a_later_version_is_not_brought_back():
    with pytest.raises(SchemaError):
        migrate(b"{}", STEPS, 3, 2)
