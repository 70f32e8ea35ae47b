"""A new schema keeps the kind's promise, or each change that breaks it is named."""

import pytest

from backstory import limits
from backstory.errors import IncompatibleError
from backstory.processing.schemas import compatibility, forms, walking
from backstory.processing.schemas.compatibility import Compatibility


def closed(**properties):
    return {"type": "object", "properties": properties, "additionalProperties": False}


def opened(**properties):
    return {"type": "object", "properties": properties}


def places(old, new, mode="backward"):
    return [v.pointer for v in compatibility.breaks(old, new, Compatibility(mode))]


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        (closed(a=TEXT, b=TEXT), closed(a=TEXT), "/additionalProperties"),
        (opened(a=TEXT), opened(a=TEXT, b=TEXT), "/properties/b"),
        (opened(a=TEXT), closed(a=TEXT), "/additionalProperties"),
        (opened(a=TEXT), opened(a=TEXT) | {"required": ["a"]}, "/required"),
        (opened(), {"dependentRequired": {"a": ["b"]}}, "/dependentRequired/a"),
        (closed(a={"type": "number"}), closed(a={"type": "integer"}), "/properties/a/type"),
        (closed(a={"type": ["string", "null"]}), closed(a=TEXT), "/properties/a/type"),
        (closed(a={"enum": ["x", "y"]}), closed(a={"enum": ["x"]}), "/properties/a/enum"),
        (closed(a=TEXT), closed(a={"enum": ["x"]}), "/properties/a/enum"),
        (closed(a=TEXT), closed(a={"const": "x"}), "/properties/a/const"),
        (closed(a=TEXT), closed(a=TEXT | {"maxLength": 9}), "/properties/a/maxLength"),
        (
            closed(a=TEXT | {"maxLength": 9}),
            closed(a=TEXT | {"maxLength": 8}),
            "/properties/a/maxLength",
        ),
        (
            closed(a={"type": "number", "minimum": 1}),
            closed(a={"type": "number", "minimum": 2}),
            "/properties/a/minimum",
        ),
        (
            closed(a={"type": "integer", "multipleOf": 2}),
            closed(a={"type": "integer", "multipleOf": 3}),
            "/properties/a/multipleOf",
        ),
        (
            closed(a=TEXT | {"pattern": "^a"}),
            closed(a=TEXT | {"pattern": "^b"}),
            "/properties/a/pattern",
        ),
        (
            closed(a={"type": "array", "items": TEXT}),
            closed(a={"type": "array", "items": {"type": "null"}}),
            "/properties/a/items/type",
        ),
        ({"uniqueItems": False}, {"uniqueItems": True}, "/uniqueItems"),
        ({"prefixItems": [{}]}, {"prefixItems": [TEXT]}, "/prefixItems/0/type"),
        (
            {"patternProperties": {"^a": {}}},
            {"patternProperties": {"^a": TEXT}},
            "/patternProperties/^a/type",
        ),
        ({}, {"patternProperties": {"^a": TEXT}}, "/patternProperties/^a"),
        ({}, {"propertyNames": {"maxLength": 3}}, "/propertyNames/maxLength"),
        (
            {"anyOf": [TEXT, {"type": "null"}]},
            {"anyOf": [TEXT, {"type": "boolean"}]},
            "/anyOf",
        ),
        (
            opened(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": {"type": ["string", "null"]}}},
            opened(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": TEXT}},
            "/$defs/x/type",
        ),
        (opened(a=TEXT), opened(a=False), "/properties/a"),
    ],
)
def test_a_narrower_schema_breaks_backward_at_the_narrower_place(old, new, pointer):
    assert pointer in places(old, new)
    assert places(new, new) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (closed(a=TEXT), closed(a=TEXT, b=TEXT)),
        (closed(a=TEXT), opened(a=TEXT)),
        (opened(a=TEXT) | {"required": ["a"]}, opened(a=TEXT)),
        (closed(a={"type": "integer"}), closed(a={"type": "number"})),
        (closed(a={"enum": ["x"]}), closed(a={"enum": ["x", "y"]})),
        (closed(a={"const": "x"}), closed(a=TEXT)),
        (closed(a=TEXT | {"maxLength": 8}), closed(a=TEXT | {"maxLength": 9})),
        (closed(a=TEXT), closed(a={"$ref": "#/$defs/t"}) | {"$defs": {"t": TEXT}}),
        (opened(a=TEXT), opened(a=TEXT | {"title": "A", "description": "now told"})),
        ({"anyOf": [TEXT]}, {"anyOf": [{"type": "null"}, TEXT]}),
        ({"allOf": [TEXT, {"minLength": 3}]}, {"allOf": [TEXT]}),
    ],
)
def test_a_wider_schema_keeps_backward_and_breaks_forward(old, new):
    assert places(old, new, "backward") == []
    if not any("title" in str(s) or "$defs" in str(s) for s in (old, new)):
        assert places(old, new, "forward") != []
        assert places(old, new, "full") != []
    assert places(old, new, "none") == []


def test_forward_points_into_the_new_schema_too():
    (found,) = compatibility.breaks(closed(), closed(a=TEXT), Compatibility.FORWARD)
    assert found.pointer == "/properties/a"
    assert found.rule == "/additionalProperties"
    assert "the new schema declares 'a'" in found.detail


def test_every_broken_place_is_named():
    old = closed(a=TEXT, b=TEXT, c={"type": "number"})
    new = closed(a=TEXT | {"maxLength": 1}, c={"type": "integer"}) | {"required": ["a"]}
    assert set(places(old, new)) == {
        "/additionalProperties",
        "/properties/a/maxLength",
        "/properties/c/type",
        "/required",
    }


@pytest.mark.parametrize(
    "keyword",
    sorted((forms.ASSERTIONS | walking.ONE | walking.LISTS | walking.MAPS) - {"contentSchema"}),
)
def test_no_keyword_goes_unjudged_when_it_is_added(keyword):
    """Each refuses something, so each has to be a break against a schema without it."""
    added = {
        "type": "string", "enum": [1], "const": 1, "multipleOf": 2, "minimum": 1, "maximum": 1,
        "exclusiveMinimum": 1, "exclusiveMaximum": 1, "minLength": 1, "maxLength": 1,
        "pattern": "^a(b|c)+$", "minItems": 1, "maxItems": 1, "uniqueItems": True,
        "minProperties": 1, "maxProperties": 1, "required": ["a"],
        "dependentRequired": {"a": ["b"]}, "not": TEXT, "if": TEXT, "then": False, "else": False,
        "additionalProperties": False, "propertyNames": {"maxLength": 1}, "items": TEXT,
        "contains": TEXT, "minContains": 2, "maxContains": 1, "unevaluatedItems": False,
        "unevaluatedProperties": False, "allOf": [TEXT], "anyOf": [TEXT, {"const": 1}],
        "oneOf": [TEXT, {"const": 1}], "prefixItems": [TEXT], "properties": {"a": TEXT},
        "patternProperties": {"^a": TEXT}, "dependentSchemas": {"a": {"required": ["b"]}},
    }  # fmt: skip
    beside = {
        "if": {"then": False},
        "then": {"if": TEXT},
        "else": {"if": TEXT},
        "minContains": {"contains": TEXT},
        "maxContains": {"contains": TEXT},
    }
    without = beside.get(keyword, {}) if keyword.endswith("Contains") else {}
    new = {keyword: added[keyword]} | beside.get(keyword, {})
    assert places(without, new) != []


def test_what_cannot_be_judged_is_named_and_refused():
    old = {"oneOf": [{"pattern": "^a"}, {"pattern": "^b"}]}
    new = {"oneOf": [{"pattern": "^b"}, {"pattern": "^c"}]}
    (found,) = compatibility.breaks(old, new, Compatibility.BACKWARD)
    assert found.pointer == "/oneOf"
    assert "cannot be judged" in found.detail


def test_a_comparison_of_very_many_alternatives_ends():
    def many(letter):
        return {
            "allOf": [
                {"anyOf": [{"required": [f"{letter}{i}"]}, {"required": [f"b{i}"]}]}
                for i in range(60)
            ]
        }

    assert 0 < len(places(many("a"), many("c"))) <= limits.VIOLATIONS


def test_a_broken_promise_is_a_conflict_that_names_the_places():
    with pytest.raises(IncompatibleError) as refused:
        compatibility.require(opened(), opened(a=TEXT), Compatibility.BACKWARD, "/schema")
    assert refused.value.status == 409
    assert [v.pointer for v in refused.value.errors] == ["/schema/properties/a"]
    assert refused.value.context["compatibility"] == "backward"


def test_no_schema_admits_everything():
    compatibility.require(None, {}, Compatibility.FULL)
    compatibility.require(opened(a=TEXT), None, Compatibility.BACKWARD)
    with pytest.raises(IncompatibleError):
        compatibility.require(None, opened(a=TEXT), Compatibility.BACKWARD)
