"""Kept documents come back byte for byte."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backstory import limits
from backstory.storage.deltas import Codec, decode, encode

documents = st.lists(st.binary(max_size=300), min_size=1, max_size=40)


@given(documents)
def test_any_row_of_documents_reads_back(row):
    kept, run = [], 0
    for old, new in pairwise(row):
        codec, body = encode(old, new, run=run)
        kept.append((codec, body))
        run = run + 1 if codec is Codec.DELTA else 0
        assert run < limits.SNAPSHOT_EVERY
    for index, document in enumerate(row[:-1]):
        assert decode(reversed(kept[index:]), row[-1]) == document


def test_a_small_change_of_a_large_document_is_kept_small():
    old = bytes(range(256)) * 4000
    new = old[:500_000] + b"changed" + old[500_000:]
    codec, body = encode(old, new, run=0)
    assert codec is Codec.DELTA
    assert len(body) < 1000
    assert decode([(codec, body)], new) == old
