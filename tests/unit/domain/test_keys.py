"""Names and patterns: what they may look like, and what covers what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory import limits
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.policy import Visibility
from backstory.errors import InvalidKeyError

segments = st.text("ab0-_", min_size=1, max_size=2)
namespaces = st.lists(segments, min_size=1, max_size=3).map(".".join)
patterns = st.one_of(namespaces, namespaces.map(lambda base: f"{base}.*"), st.just("*")).map(
    NamespacePattern.parse
)


@pytest.mark.parametrize(
    "text",
    [
        "users.42/preferences",
        "a/b",
        "_system.kinds/x",
        "a-b_c.0/A.~_-",
        "a/...",
        ".".join("a" * limits.NAMESPACE_SEGMENTS) + "/x",
        "a/" + "n" * limits.NAME_BYTES,
    ],
)
def test_a_good_name_is_read_and_spelled_alike(text):
    assert str(ContextKey.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "/", "a/", "/b", "a/b/c", "a/b\n", "a\n/b", "A/b", "a..b/c", ".a/b", "a./b"),
        *("a b/c", "a/b c", "ä/b", "a/ä", "a/.", "a/..", "a/b%20", "٣/x", "a/b\0"),
        ".".join("a" * (limits.NAMESPACE_SEGMENTS + 1)) + "/x",
        "a" * (limits.NAMESPACE_BYTES + 1) + "/x",
        "a/" + "n" * (limits.NAME_BYTES + 1),
    ],
)
def test_a_bad_name_is_told_the_rule(text):
    with pytest.raises(InvalidKeyError) as caught:
        ContextKey.parse(text)
    assert "such as" in caught.value.detail
    assert caught.value.detail.isascii()
    assert len(caught.value.detail) < 600


def test_reserved_namespaces_begin_with_an_underscore():
    assert ContextKey.parse("_system.kinds/x").reserved
    assert not ContextKey.parse("users._x/x").reserved


@given(patterns, namespaces)
def test_a_pattern_covers_itself_and_what_is_below_by_whole_segments(pattern, namespace):
    text = str(pattern)
    if text == "*":
        expected = True
    elif text.endswith(".*"):
        base = text[:-2].split(".")
        expected = namespace.split(".")[: len(base)] == base
    else:
        expected = namespace == text
    assert pattern.matches(namespace) == expected


@given(st.lists(patterns, max_size=3).map(tuple), patterns, namespaces)
def test_what_is_visible_within_a_pattern_is_what_both_show(granted, asked, namespace):
    visible = Visibility(granted)
    both = visible.shows(namespace) and asked.matches(namespace)
    assert visible.within(asked).shows(namespace) == both


@pytest.mark.parametrize("text", ["", ".*", "**", "a.**", "a*", "*.a", "a.*.b", "A", "a.*\n"])
def test_a_bad_pattern_is_refused(text):
    with pytest.raises(InvalidKeyError):
        NamespacePattern.parse(text)
