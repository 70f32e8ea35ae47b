"""Stored contents come back byte for byte, and tell their size."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from backstory.storage.contents import decode, encode, size

texts = st.text() | st.text("ab ", min_size=100, max_size=400) | st.text().map(lambda t: t * 300)


@given(texts)
def test_any_content_comes_back(text):
    content = orjson.dumps(text.encode("utf-8", "replace").decode())
    stored = encode(content)
    assert decode(stored) == content
    assert size(stored[:19], len(stored)) == len(content)
    assert len(stored) <= len(content)


def test_the_largest_content_comes_back():
    content = orjson.dumps("word " * 209_000)
    assert decode(encode(content)) == content
