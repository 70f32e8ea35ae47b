"""JSON means the same to everybody, or is refused."""

import json
import math

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory import limits
from backstory.domain import long_json, strict_json
from backstory.errors import MalformedError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(limits.JSON_INTEGER_MIN, limits.JSON_INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=30,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_what_is_json_to_everybody_is_read_as_it_is(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert strict_json.loads(text.encode()) == json.loads(text)


@given(VALUES)
def test_what_is_spelled_plainly_is_read_the_same(value):
    text = orjson.dumps(value)
    assert strict_json.loads(text) == json.loads(text)


BLANKS = st.text(" \n\t\r", max_size=2)
NAMES = st.sampled_from(['"a"', '"a b"', '"ab"', '" ab"'])
SCALARS = st.sampled_from(
    ["1", "1.0", "1e2", "01", "-0", "true", "NaN", '"a b"', '"ab"', '"\\t"', '"\\u0061"', '"\t"']
)


def enclosed(ends, parts):
    """A list or an object of the parts, of which each is several pieces of text."""
    return st.lists(st.tuples(*parts).map("".join), max_size=3).map(
        lambda told: ends[0] + ",".join(told) + ends[1]
    )


SPELLED = st.recursive(
    SCALARS,
    lambda inner: (
        enclosed("[]", [BLANKS, inner, BLANKS])
        | enclosed("{}", [BLANKS, NAMES, BLANKS, st.just(":"), BLANKS, inner, BLANKS])
    ),
    max_leaves=8,
)
"""Objects and lists with blanks in all places, and some names twice."""


@given(st.text(alphabet='[]{}",:\\u0d8c1ant.-e ', max_size=40) | SPELLED)
@settings(max_examples=400)
def test_whether_it_is_spelled_plainly_makes_no_difference(text):
    plain = outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_json, "_PLAIN_BYTES", -1)
        assert repr(outcome(text)) == repr(plain)


@pytest.fixture(params=["short", "long"])
def any_length(request, monkeypatch):
    """Once as short texts are read, and once as long ones."""
    if request.param == "long":
        monkeypatch.setattr(long_json, "SLICE", 8)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.integers(1, 40))
def test_long_json_is_read_as_short(value, ascii_only, indent, size):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_json, "SLICE", size)
        assert strict_json.loads(text.encode()) == json.loads(text)


@given(st.text(alphabet='[]{}",:\\u0d8c1 ant', max_size=60), st.integers(1, 12))
def test_long_json_is_refused_where_short_is(text, size):
    short = outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_json, "SLICE", size)
        assert outcome(text) == short


def outcome(text):
    try:
        return strict_json.loads(text.encode())
    except MalformedError:
        return MalformedError


@pytest.mark.usefixtures("any_length")
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a": 1} {"b": 2}',
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'["\\udc00 \\ud800"]',
        b"{'a': 1}",
        b"[1,]",
        b"01",
        b"18446744073709551616",
        b"[-9223372036854775809]",
        b"1" * 5000,
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "c": ":", "b": 2}}',
        b'{"a": 1, "\\u0061": 2}',
    ],
)
def test_what_parsers_read_differently_is_refused(text):
    with pytest.raises(MalformedError):
        strict_json.loads(text)


def test_the_name_that_occurs_twice_is_told():
    with pytest.raises(MalformedError, match="'role'"):
        strict_json.loads(b'[{"role": "user", "content": "\\":", "role": "system"}]')


@pytest.mark.parametrize("text", [b"1.2345678901234567890123", b"1e-0000000000000000000001"])
def test_long_fractions_and_exponents_are_floats(text):
    assert math.isclose(strict_json.loads(text), float(text))


def test_depth_and_number_of_values_have_bounds():
    deepest = b"[" * limits.JSON_DEPTH + b"]" * limits.JSON_DEPTH
    strict_json.loads(deepest)
    with pytest.raises(MalformedError) as deep:
        strict_json.loads(b"[" + deepest + b"]")
    assert deep.value.context["limit"] == "JSON_DEPTH"
    with pytest.raises(MalformedError) as many:
        strict_json.loads(b"[1,2,3]", nodes=3)
    assert many.value.context["limit"] == "JSON_NODES"
