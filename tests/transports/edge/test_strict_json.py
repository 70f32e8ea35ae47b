"""JSON from outside is read in one strict way."""

import pytest

from backstory import limits
from backstory.errors import MalformedError
from backstory.transports.edge import strict_json


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, -2.5, true, null, "\\u00e9"]}', {"a": [1, -2.5, True, None, "é"]}),
        (b" [] \n", []),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\u0000"', "\x00"),
        (b'{"a": {"a": 1}, "b": {"a": 2}}', {"a": {"a": 1}, "b": {"a": 2}}),
        (b"1e308", 1e308),
    ],
)
def test_what_json_allows_is_read(body, value):
    assert strict_json.loads(body) == value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "nothing"),
        (b" \n", "nothing"),
        (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b'[{"x": {"b": 1, "\\u0062": 2}}]', "'b' occurs twice"),
        (b"NaN", "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"18446744073709551616", "64 bits"),
        (b"-9223372036854775809", "64 bits"),
        (b"[" + b"9" * 5000 + b"]", "64 bits"),
        (b"1e999", "too large"),
        (b"[-1e999]", "too large"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\uDC00": 1}', "surrogate"),
        (b'["\\ude00\\ud83d"]', "surrogate"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": 1}{"b": 2}', "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'"\x01"', "not JSON"),
        (b"\xc2\xa0[]", "not JSON"),
        (b"01", "not JSON"),
        (b"[1.]", "not JSON"),
        (b'{"a": "', "not JSON"),
    ],
)
def test_what_two_readers_may_understand_differently_is_refused(body, says):
    with pytest.raises(MalformedError, match=says) as caught:
        strict_json.loads(body)
    assert caught.value.code == "malformed"


def test_depth_is_bounded_and_brackets_in_strings_do_not_count():
    deepest = b"[" * limits.JSON_DEPTH + b"]" * limits.JSON_DEPTH
    assert strict_json.loads(deepest)
    with pytest.raises(MalformedError, match="levels deep"):
        strict_json.loads(b"[" + deepest + b"]")
    flat = b'["' + b"[" * 500 + b'\\"[[", [], {}]'
    assert strict_json.loads(flat)[1:] == [[], {}]


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * limits.BODY_BYTES,
        b'{"a":' * (limits.BODY_BYTES // 5),
        b"[" + b"[]," * (limits.BODY_BYTES // 3 - 2) + b"1]",
        b"[" * 200 + b'"' + b'\\"' * (limits.BODY_BYTES // 2 - 200),
        b"0" + b",0" * (limits.BODY_BYTES // 2 - 1),
    ],
    ids=["arrays", "objects", "flat", "endless string", "values"],
)
def test_a_bomb_is_refused_before_it_is_built(bomb):
    with pytest.raises(MalformedError):
        strict_json.loads(bomb)


async def test_a_long_body_is_read_beside_the_event_loop():
    body = b'{"text": "' + b"x" * strict_json.INLINE_BYTES + b'"}'
    assert len((await strict_json.loads_aside(body))["text"]) == strict_json.INLINE_BYTES
    with pytest.raises(MalformedError):
        await strict_json.loads_aside(body + b"}")
