"""Patches: RFC 6902 and RFC 7396, all or nothing."""

import jsonpatch
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory import limits
from backstory.domain.differences import operations
from backstory.domain.patches import JsonPatch, MergePatch, diff, encode_state, too_deep
from backstory.errors import (
    InvalidPatchError,
    PatchConflictError,
    SchemaError,
    TooLargeError,
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5])
    | st.text("ab/~")
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~", max_size=2), inner),
)
objects = st.dictionaries(st.text("ab/~", max_size=2), values, max_size=4)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For a machine that does other things as well."""


@unhurried
@given(objects, objects)
def test_a_diff_leads_from_one_state_to_the_other(old, new):
    before, after = orjson.dumps(old), orjson.dumps(new)
    found = diff(before, after)
    patched = JsonPatch.of(found).apply(before)
    assert orjson.dumps(orjson.loads(patched), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        new, option=orjson.OPT_SORT_KEYS
    )
    assert diff(before, before) == []


@unhurried
@given(objects, objects)
def test_a_diff_of_large_states_does_the_same(old, new):
    """Without the library, whose time grows faster than what it compares."""
    before = orjson.dumps(old)
    patched = JsonPatch.of(operations(old, new)).apply(before)
    assert orjson.dumps(orjson.loads(patched), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        new, option=orjson.OPT_SORT_KEYS
    )
    assert operations(old, old) == []
    whole = [{"op": "replace", "path": "", "value": new}]
    assert len(orjson.dumps(operations(old, new))) <= len(orjson.dumps(whole))


MANY = [str(number) for number in range(20_000)]


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (["x", *MANY], [{"op": "add", "path": "/l/0", "value": "x"}]),
        ([*MANY, "x"], [{"op": "add", "path": "/l/20000", "value": "x"}]),
        (MANY[1:], [{"op": "remove", "path": "/l/0"}]),
        (MANY[:7] + MANY[9:], [{"op": "remove", "path": "/l/7"}] * 2),
        ([*MANY[:7], 7, *MANY[8:]], [{"op": "replace", "path": "/l/7", "value": 7}]),
        (MANY[::-1], [{"op": "replace", "path": "/l", "value": MANY[::-1]}]),
        ([[each] for each in MANY], [{"op": "replace", "path": "/l", "value": [[each] for each in MANY]}]),
    ],
)  # fmt: skip
def test_a_diff_of_large_states_asks_nobody_who_may_take_minutes(monkeypatch, after, found):
    monkeypatch.setattr(jsonpatch, "make_patch", None)
    assert diff(orjson.dumps({"l": MANY}), orjson.dumps({"l": after})) == found


@unhurried
@given(objects, objects)
def test_a_diff_is_never_larger_than_the_whole(old, new):
    found = diff(orjson.dumps(old), orjson.dumps(new))
    whole = [{"op": "replace", "path": "", "value": new}]
    assert len(orjson.dumps(found)) <= len(orjson.dumps(whole))


# RFC 7396, appendix A, where both sides are objects.
@pytest.mark.parametrize(
    ("state", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_rfc_says(state, patch, result):
    assert MergePatch(patch).apply(orjson.dumps(state)) == orjson.dumps(result)


@pytest.mark.parametrize("document", [[], "text", 1, None])
def test_a_patch_that_leaves_no_object_is_refused(document):
    with pytest.raises(SchemaError):
        MergePatch(document).apply(b"{}")
    with pytest.raises(SchemaError):
        JsonPatch.of([{"op": "replace", "path": "", "value": document}]).apply(b"{}")


@pytest.mark.parametrize(
    "document",
    [
        {},
        "x",
        [1],
        [{}],
        [{"op": "add", "path": "/a"}],
        [{"op": "nope", "path": "/a"}],
        [{"op": "remove"}],
        [{"op": "remove", "path": "a"}],
        [{"op": "remove", "path": 3}],
        [{"op": "move", "path": "/a"}],
        [{"op": "copy", "path": "/a", "from": "b"}],
        [{"op": "test", "path": "/a~2", "value": 1}],
    ],
)
def test_what_is_no_patch_is_told_so(document):
    with pytest.raises(InvalidPatchError):
        JsonPatch.of(document)


@pytest.mark.parametrize(
    ("operations", "failing"),
    [
        ([{"op": "remove", "path": "/zz"}], 0),
        ([{"op": "add", "path": "/a/b/c", "value": 1}], 0),
        ([{"op": "add", "path": "/b", "value": 1}, {"op": "test", "path": "/b", "value": 2}], 1),
        ([{"op": "replace", "path": "/zz", "value": 1}], 0),
        ([{"op": "add", "path": "/list/9", "value": 1}], 0),
        ([{"op": "add", "path": "/list/x", "value": 1}], 0),
        ([{"op": "move", "from": "/zz", "path": "/a"}], 0),
        ([{"op": "copy", "from": "/zz", "path": "/a"}], 0),
    ],
)
def test_a_patch_that_does_not_apply_says_which_operation(operations, failing):
    with pytest.raises(PatchConflictError) as caught:
        JsonPatch.of(operations).apply(b'{"a":{},"list":[1]}')
    assert caught.value.context["operation"] == failing
    assert caught.value.errors[0].pointer == f"/{failing}"


def test_applying_twice_gives_the_same_twice():
    patch = JsonPatch.of(
        [
            {"op": "add", "path": "/a", "value": {"b": []}},
            {"op": "add", "path": "/a/b/-", "value": 1},
        ]
    )
    assert patch.apply(b"{}") == patch.apply(b"{}") == b'{"a":{"b":[1]}}'


def test_copies_cannot_grow_a_state_without_bound():
    state = orjson.dumps({"a": "x" * 1000})
    doubling = [{"op": "copy", "from": "", "path": f"/c{n}"} for n in range(40)]
    with pytest.raises(TooLargeError):
        JsonPatch.of(doubling).apply(state)


def test_states_are_bounded_in_bytes_and_depth():
    nested: object = 1
    for _ in range(limits.STATE_DEPTH):
        nested = [nested]
    assert not too_deep(nested, limits.STATE_DEPTH)
    with pytest.raises(SchemaError, match="levels"):
        encode_state({"a": nested})
    with pytest.raises(TooLargeError) as caught:
        encode_state({"a": "x" * limits.STATE_BYTES})
    assert caught.value.context["limit"] == "STATE_BYTES"
