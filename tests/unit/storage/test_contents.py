"""Stored contents come back byte for byte, and tell their size."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from backstory.domain.entries import Shape
from backstory.storage.contents import decode, encode, shape, size

texts = st.text() | st.text("ab ", min_size=100, max_size=400) | st.text().map(lambda t: t * 300)


@given(texts)
def test_any_content_comes_back(text):
    content = orjson.dumps(text.encode("utf-8", "replace").decode())
    stored = encode(content)
    assert decode(stored) == content
    assert size(stored[:19], len(stored)) == len(content)
    assert len(stored) <= len(content)
    told, exact = shape(stored[:256]), Shape.of(content)
    assert told == exact or (told, exact) == (Shape.TEXT, Shape.ASCII)


def test_escaped_letters_are_not_taken_for_ascii():
    assert Shape.of(rb'"\u00e9"') == Shape.TEXT


def test_what_was_kept_before_there_were_shapes_is_read():
    content = orjson.dumps("word " * 100)
    stored = b"\0" + encode(content)[1:]
    assert (decode(stored), shape(stored)) == (content, Shape.OTHER)


def test_the_largest_content_comes_back():
    content = orjson.dumps("word " * 209_000)
    assert decode(encode(content)) == content
