"""Chains mean what the plain set of their entries means."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backstory.domain.chains import Chain, Piece, difference, merge, subtract

spans = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair)))
)


@st.composite
def chains(draw):
    """Pieces of three logs in order of seq, with and without gaps."""
    pieces, seq = [], 0
    for _ in range(draw(st.integers(0, 5))):
        first = seq + draw(st.integers(1, 3))
        seq = first + draw(st.integers(0, 4))
        pieces.append(Piece(draw(st.integers(1, 3)), first, seq))
    return Chain(tuple(pieces))


def seqs(found):
    return {seq for first, last in found for seq in range(first, last + 1)}


def entries(chain):
    return {seq: p.log for p in chain.pieces for seq in range(p.first, p.last + 1)}


@given(spans, spans)
def test_spans_merge_and_subtract_like_sets(some, others):
    assert seqs(merge(some)) == seqs(some)
    assert seqs(subtract(some, others)) == seqs(some) - seqs(others)
    for result in (merge(some), subtract(some, others)):
        ends = [end for span in result for end in span]
        assert ends == sorted(ends)


@given(chains(), st.integers(0, 45))
def test_a_seq_is_located_in_the_log_that_shows_it(chain, seq):
    shown = entries(chain)
    assert chain.locate(seq) == shown.get(seq)
    assert chain.shows(2, seq) == (shown.get(seq) == 2)
    assert chain.count == len(shown)
    assert seqs(chain.spans) == set(shown)
    assert set(chain.logs) == set(shown.values())


@given(chains(), st.integers(0, 45), st.integers(0, 45))
def test_pieces_between_two_seqs_go_both_ways(chain, after, before):
    wanted = [seq for seq in sorted(entries(chain)) if after < seq < before]
    up = [s for p in chain.ascending(after, before) for s in range(p.first, p.last + 1)]
    down = [s for p in chain.descending(after, before) for s in range(p.last, p.first - 1, -1)]
    assert up == wanted
    assert down == wanted[::-1]


@given(chains(), st.integers(0, 45))
def test_a_clipped_chain_ends_where_it_was_cut(chain, last):
    kept = {seq: log for seq, log in entries(chain).items() if seq <= last}
    assert entries(chain.clip(last)) == kept


@given(chains(), st.integers(1, 3), st.integers(1, 3), st.integers(-1, 4))
def test_a_chain_is_extended_by_what_follows(chain, log, gap, length):
    end = chain.pieces[-1].last if chain.pieces else 0
    extended = chain.extend(log, end + gap, end + gap + length)
    added = {end + gap + n: log for n in range(length + 1)}
    assert entries(extended) == entries(chain) | added
    assert all(one.last < next_.first for one, next_ in pairwise(extended.pieces))


@given(chains(), chains())
def test_a_difference_names_the_seqs_that_show_something_else(old, new):
    before, after = entries(old), entries(new)
    changed = {seq for seq in before.keys() | after.keys() if before.get(seq) != after.get(seq)}
    assert seqs(difference(old, new)) == changed
