"""What may be a schema, and what is refused with the place it stands at."""

import pytest

from backstory import limits
from backstory.errors import SchemaError, TooLargeError
from backstory.processing.schemas.validating import SchemaValidator

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def doubling(levels):
    """Each level refers to the next one twice: 2^levels subschemas for one value."""
    shelves = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]}
        for i in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": shelves | {f"d{levels}": {"type": "string"}}}


def chain(levels):
    shelves = {f"d{i}": {"items": {"$ref": f"#/$defs/d{i + 1}"}} for i in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": shelves | {f"d{levels}": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "http://example.invalid/a"}, "/schema/$ref"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "/schema/properties/a/$ref"),
        ({"$ref": "other.json"}, "/schema/$ref"),
        ({"$ref": "#name"}, "/schema/$ref"),
        ({"$ref": 3}, "/schema/$ref"),
        ({"$ref": "#/$defs/nothing"}, "/schema/$ref"),
        ({"const": {"type": "string"}, "$ref": "#/const"}, "/schema/$ref"),
        ({"x-own": {"$ref": "http://example.invalid"}, "$ref": "#/x-own"}, "/schema/$ref"),
        ({"$ref": "#"}, "/schema/$ref"),
        ({"properties": {"child": {"$ref": "#"}}}, "/schema/properties/child/$ref"),
        ({"$dynamicRef": "#a"}, "/schema/$dynamicRef"),
        ({"$anchor": "a"}, "/schema/$anchor"),
        ({"dependencies": {"a": ["b"]}}, "/schema/dependencies"),
        ({"properties": {"a": {"$id": "b"}}}, "/schema/properties/a/$id"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/schema/$schema"),
        ({"$schema": 3}, "/schema/$schema"),
        ({"pattern": "(?=a)b"}, "/schema/pattern"),
        ({"items": {"pattern": r"(a)\1"}}, "/schema/items/pattern"),
        ({"pattern": "(((a{100}){100}){100}){100}"}, "/schema/pattern"),
        ({"patternProperties": {"(?!x)": {}}}, "/schema/patternProperties/(?!x)"),
        ({"pattern": "a" * 1025}, "/schema/pattern"),
        ({"type": "text"}, "/schema/type"),
        ({"required": "a"}, "/schema/required"),
        ({"properties": [1]}, "/schema/properties"),
        ({"allOf": {}}, "/schema/allOf"),
        (True, "/schema"),
        ([], "/schema"),
    ],
)
def test_what_cannot_be_a_schema_is_refused_at_its_place(schema, pointer):
    with pytest.raises(SchemaError) as refused:
        SchemaValidator(schema)
    assert pointer in [v.pointer for v in refused.value.errors]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": DIALECT, "$id": "https://example.invalid/session"},
        {"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "string"}}},
        {"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}},
        {"$ref": "#/allOf/0", "allOf": [{"type": "string"}]},
        {"properties": {"$ref": {"type": "string"}, "$anchor": {}}},
        {"const": {"$ref": "http://example.invalid"}},
        {"examples": [{"$ref": "http://example.invalid"}]},
        {"pattern": "(a+)+$"},
        {"pattern": r"^\p{L}+$"},
        {"title": "x", "x-own": 3},
    ],
)
def test_what_the_standard_allows_here_is_a_schema(schema):
    SchemaValidator(schema)


def test_both_references_of_a_circle_are_named():
    schema = {
        "$defs": {
            "a": {"items": {"$ref": "#/$defs/b"}},
            "b": {"not": {"$ref": "#/$defs/a"}},
        }
    }
    with pytest.raises(SchemaError) as refused:
        SchemaValidator(schema)
    assert {v.pointer for v in refused.value.errors} == {
        "/schema/$defs/a/items/$ref",
        "/schema/$defs/b/not/$ref",
    }


@pytest.mark.parametrize(
    ("schema", "limit"),
    [
        (doubling(20), "SCHEMA_EXPANDED_NODES"),
        (chain(60), "SCHEMA_EXPANDED_DEPTH"),
        ({"allOf": [{}] * (limits.SCHEMA_NODES + 1)}, "SCHEMA_NODES"),
        ({"description": "x" * limits.SCHEMA_BYTES}, "SCHEMA_BYTES"),
        ({"allOf": [{"pattern": str(i)} for i in range(101)]}, "SCHEMA_PATTERNS"),
    ],
)
def test_a_schema_over_a_bound_is_refused_by_the_bound_s_name(schema, limit):
    with pytest.raises(TooLargeError) as refused:
        SchemaValidator(schema)
    assert refused.value.context["limit"] == limit


def test_a_schema_nested_too_deep_is_refused():
    schema = {}
    for _ in range(limits.SCHEMA_DEPTH + 1):
        schema = {"not": schema}
    with pytest.raises(TooLargeError) as refused:
        SchemaValidator(schema)
    assert refused.value.context["limit"] == "SCHEMA_DEPTH"


def test_an_id_does_not_change_what_a_local_reference_means():
    validator = SchemaValidator(
        {"$id": DIALECT, "$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}
    )
    assert validator.accepts("x")
    assert not validator.accepts(3)
