"""What lies in a server's memory is given back whole, for its key and tag, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory import limits
from backstory.caching.entries import PREFIX, TOKEN_BYTES, decoded, dropped, encoded, key_of
from backstory.domain.contexts import Tag
from backstory.ports.cache import Cached

NOTHING = Cached("token")
DAMAGED = Cached("token", damaged=True)
tags = st.builds(Tag, st.integers(0, limits.VERSION_MAX), st.binary(max_size=64))
bodies = st.binary(max_size=300)


@given(tags, bodies)
def test_a_body_comes_back_for_its_tag_and_for_any(tag, body):
    raw = encoded("key", tag, body)
    assert decoded("key", raw, tag, "token") == Cached("token", tag, body)
    assert decoded("key", raw, None, "token") == Cached("token", tag, body)


@given(tags, tags, bodies)
def test_a_body_comes_back_for_no_other_tag(tag, other, body):
    found = decoded("key", encoded("key", tag, body), other, "token")
    assert (found.body is not None) == (tag == other)


@given(tags, bodies, st.data())
def test_a_damaged_body_is_not_given(tag, body, data):
    raw = bytearray(encoded("key", tag, body))
    place = data.draw(st.integers(TOKEN_BYTES, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    assert decoded("key", bytes(raw), None, "token") in (NOTHING, DAMAGED)


@given(tags, bodies, st.data())
def test_a_body_that_is_cut_off_or_longer_is_not_given(tag, body, data):
    raw = encoded("key", tag, body)
    rest = raw[: data.draw(st.integers(0, len(raw) - 1))]
    assert decoded("key", rest, None, "token") in (NOTHING, DAMAGED)
    assert decoded("key", raw + b"more", None, "token") == DAMAGED


@given(tags, bodies.filter(bool), st.data())
def test_a_body_with_another_bit_is_told_to_be_damaged(tag, body, data):
    raw = bytearray(encoded("key", tag, body))
    raw[data.draw(st.integers(len(raw) - len(body), len(raw) - 1))] ^= 1
    assert decoded("key", bytes(raw), tag, "token") == DAMAGED


@given(tags, bodies)
def test_a_body_of_another_key_is_not_given(tag, body):
    assert decoded("other", encoded("key", tag, body), tag, "token") == DAMAGED


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda more: b"BSc1" + more)))
def test_bytes_of_somebody_else_are_nothing(raw):
    assert decoded("key", raw, None, "token") in (NOTHING, DAMAGED)


def test_what_was_dropped_is_nothing_and_known_by_its_token():
    assert decoded("key", dropped(), None, "token") == NOTHING
    assert len({dropped() for _ in range(100)}) == 100
    assert len(dropped()) == TOKEN_BYTES


def test_keys_are_told_from_those_of_others_and_cannot_say_more():
    assert key_of("aB3" * 21) == f"{PREFIX}{'aB3' * 21}"
    assert PREFIX.startswith("backstory:")
    for key in ("", "a b", "a\r\n", "a" * 65, "ä", "a:b", "²"):
        with pytest.raises(ValueError, match="1 to 64 ASCII"):
            key_of(key)
