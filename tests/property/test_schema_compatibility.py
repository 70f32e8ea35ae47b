"""No change is called compatible that refuses a document which was allowed before."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.errors import BackstoryError
from backstory.processing.schemas.compatibility import Compatibility, breaks
from backstory.processing.schemas.validating import SchemaValidator

scalars = st.sampled_from([None, True, False, 0, 1, 2, 3, 1.5, -1, "", "a", "ab", "b"])
names = st.sampled_from(["a", "b", "ab"])
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
types = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
small = st.integers(0, 3)
leaf = {
    "type": types | st.lists(types, min_size=1, max_size=3, unique=True),
    "enum": st.lists(scalars, min_size=1, max_size=3, unique_by=repr),
    "const": scalars,
    "minimum": small,
    "maximum": small,
    "exclusiveMinimum": small,
    "exclusiveMaximum": small,
    "multipleOf": st.integers(1, 3),
    "minLength": small,
    "maxLength": small,
    "pattern": st.sampled_from(["^a", "b$", "^ab$"]),
    "minItems": small,
    "maxItems": small,
    "uniqueItems": st.booleans(),
    "minProperties": small,
    "maxProperties": small,
    "required": st.lists(names, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(names, st.lists(names, max_size=2, unique=True)),
}


def some(options):
    """An object with at most three of the keywords."""
    return st.lists(st.sampled_from(sorted(options)), max_size=3, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: options[key] for key in keys})
    )


def around(inner):
    lists = st.lists(inner, min_size=1, max_size=2)
    maps = st.dictionaries(names, inner, max_size=2)
    return some(
        leaf
        | {
            "properties": maps,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            "dependentSchemas": maps,
            "items": inner,
            "prefixItems": lists,
            "contains": inner,
            "minContains": small,
            "maxContains": small,
            "allOf": lists,
            "anyOf": lists,
            "oneOf": lists,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "unevaluatedProperties": inner,
            "unevaluatedItems": inner,
            "$ref": st.just("#/$defs/x"),
        }
    )


nodes = st.recursive(st.booleans() | some(leaf), around, max_leaves=6)
leaves = st.booleans() | some(leaf)
schemas = st.builds(
    lambda body, shelf: {**(body if isinstance(body, dict) else {"not": not body}), **shelf},
    nodes,
    st.fixed_dictionaries({"$defs": st.fixed_dictionaries({"x": leaves})}),
)


def changed(schema):
    """The schema itself with one keyword at the top set, so that most of it stays equal."""
    return some(leaf).map(lambda more: {**schema, **more})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_the_old_schema_allowed_a_compatible_one_allows(data):
    old = data.draw(schemas)
    new = data.draw(schemas | changed(old))
    try:
        before, after = SchemaValidator(old), SchemaValidator(new)
    except BackstoryError:
        return
    if breaks(old, new, Compatibility.BACKWARD):
        return
    for document in data.draw(st.lists(documents, min_size=10, max_size=30)):
        assert after.accepts(document) or not before.accepts(document)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schemas)
def test_a_schema_is_compatible_with_itself(schema):
    assert breaks(schema, {**schema, "title": "told again"}, Compatibility.FULL) == ()
