"""Sealed tokens open for whom they were made, and for nobody else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.domain.sealing import Seal
from backstory.errors import InvalidCursorError

seal = Seal(b"s" * 32)
payloads = st.recursive(
    st.none() | st.integers(0, 2**53) | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(payloads)
def test_a_token_opens_to_what_was_put_in(payload):
    token = seal.close("cursor", "acme", "anna", payload)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert seal.open("cursor", "acme", "anna", token) == payload


@pytest.mark.parametrize(
    ("other", "purpose", "tenant", "subject"),
    [
        (seal, "session", "acme", "anna"),
        (seal, "cursor", "other", "anna"),
        (seal, "cursor", "acme", "otto"),
        (seal, "cursor", "acmea", "nna"),
        (Seal(b"t" * 32), "cursor", "acme", "anna"),
    ],
)
def test_a_token_opens_for_nobody_else(other, purpose, tenant, subject):
    token = seal.close("cursor", "acme", "anna", [1, 2])
    with pytest.raises(InvalidCursorError):
        other.open(purpose, tenant, subject, token)


@given(st.text(max_size=60) | st.text("AZaz09-_", max_size=60))
def test_made_up_tokens_are_refused(token):
    with pytest.raises(InvalidCursorError):
        seal.open("cursor", "acme", "anna", token)


@given(st.integers(0, 200))
def test_an_altered_token_is_refused(place):
    token = seal.close("cursor", "acme", "anna", {"position": 12345})
    place %= len(token) - 1  # the last character may hold bits that mean nothing
    altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    with pytest.raises(InvalidCursorError):
        seal.open("cursor", "acme", "anna", altered)


def test_hashes_tell_their_parts_apart():
    hashes = {
        seal.hash("name", b"ab", b"c"),
        seal.hash("name", b"a", b"bc"),
        seal.hash("namea", b"b", b"c"),
        seal.hash("name", b"abc"),
        Seal(b"t" * 32).hash("name", b"abc"),
    }
    assert len(hashes) == 5
