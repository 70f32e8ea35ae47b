"""Violations point to the data and to the rule, and never repeat what was sent."""

import pytest

from backstory import limits
from backstory.errors import SchemaError
from backstory.processing.schemas.validating import SchemaValidator

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 8},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "a/b": {"enum": ["x", "y"]},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"tag": {"type": "string", "minLength": 1}},
}
SECRET = "hunter2hunter2"


def found(schema, document, pointer="/state"):
    return [
        (v.pointer, v.rule, v.detail) for v in SchemaValidator(schema).violations(document, pointer)
    ]


def test_what_fits_has_no_violations():
    document = {"name": "anna", "tags": ["x"], "a/b": "x"}
    assert found(SCHEMA, document) == []
    SchemaValidator(SCHEMA).check(document)


def test_every_violation_points_to_the_data_and_to_the_rule():
    document = {"tags": ["ok", "", 3], "a/b": "z", "extra": 1, "m~n": 2}
    assert {v[:2] for v in found(SCHEMA, document)} == {
        ("/state/tags/1", "/$defs/tag/minLength"),
        ("/state/tags/2", "/$defs/tag/type"),
        ("/state/a~1b", "/properties/a~1b/enum"),
        ("/state/extra", "/additionalProperties"),
        ("/state/m~0n", "/additionalProperties"),
        ("/state", "/required"),
    }


def test_the_error_says_the_first_violation_and_how_many_follow():
    with pytest.raises(SchemaError) as refused:
        SchemaValidator(SCHEMA).check({"name": 3, "tags": 4}, "/state")
    assert refused.value.status == 422
    assert refused.value.detail == "/state/name must be of type string (and 1 more)"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, SECRET),
        ({"const": 1}, SECRET),
        ({"enum": [1]}, SECRET),
        ({"maxLength": 1}, SECRET),
        ({"minLength": 100}, SECRET),
        ({"pattern": "^x$"}, SECRET),
        ({"not": {"type": "string"}}, SECRET),
        ({"anyOf": [{"type": "null"}, {"const": 1}]}, SECRET),
        ({"oneOf": [{"type": "string"}, {"maxLength": 99}]}, SECRET),
        ({"contains": {"const": 1}}, [SECRET]),
        ({"uniqueItems": True}, [SECRET, SECRET]),
        ({"items": False}, [SECRET]),
        ({"unevaluatedItems": False}, [SECRET]),
        ({"maxProperties": 0}, {"a": SECRET}),
        ({"propertyNames": {"maxLength": 1}}, {"long": SECRET}),
        ({"unevaluatedProperties": False}, {"a": SECRET}),
        ({"dependentRequired": {"a": ["b"]}}, {"a": SECRET}),
        ({"if": True, "then": {"properties": {"a": {"type": "null"}}}}, {"a": SECRET}),
        ({"exclusiveMaximum": 3, "multipleOf": 2}, 31337),
        ({"minimum": 99999, "exclusiveMinimum": 99999}, 31337),
    ],
)
def test_no_keyword_repeats_the_value_that_was_sent(schema, value):
    texts = [detail for _, _, detail in found(schema, value)]
    assert texts
    assert not [text for text in texts if SECRET in text or "31337" in text]


def test_long_values_of_the_schema_are_shortened():
    schema = {"enum": ["k" * 500], "pattern": "p" * 500}
    assert all(len(detail) < 100 for _, _, detail in found(schema, "x"))


def test_a_long_name_that_was_sent_is_left_out_of_the_pointer():
    (violation,) = found({"additionalProperties": False}, {"n" * 1000: 1})
    assert violation[0] == "/state"


def test_violations_are_bounded():
    schema = {"items": {"type": "string"}}
    assert len(found(schema, list(range(1000)))) == limits.VIOLATIONS


def test_of_a_document_with_very_many_values_the_first_violation_is_told():
    schema = {"items": {"type": "string"}}
    assert len(found(schema, list(range(limits.VIOLATION_VALUES + 1)))) == 1


def test_format_is_an_annotation():
    assert found({"format": "email"}, "no address") == []


def test_a_pattern_that_backtracks_elsewhere_is_linear_here():
    assert not SchemaValidator({"pattern": "^(a+)+$"}).accepts("a" * 200_000 + "b")
