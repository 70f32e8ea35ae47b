"""A page that is cut from a context's tail is the page that a store would answer."""

from hypothesis import given
from hypothesis import strategies as st

from backstory.caching import bodies
from backstory.caching.tails import Tail
from backstory.domain.entries import Entry
from backstory.domain.principals import Author, Trust
from backstory.ports.store import EntryPage, EntryQuery

ANNA = Author("anna", Trust.USER)
seqs = st.lists(st.integers(1, 30), unique=True, max_size=14).map(sorted)
queries = st.builds(
    EntryQuery,
    after=st.integers(0, 31),
    before=st.integers(0, 40) | st.just(2**32),
    limit=st.integers(1, 8),
    max_bytes=st.integers(1, 60),
    descending=st.booleans(),
)


def entry(seq):
    content = b'"' + b"x" * (seq % 7 * 3) + b'"'
    metadata = b'{"n":1}' if seq % 3 == 0 else None
    return Entry(seq, f"~{seq}", "user", "message", content, metadata, ANNA, seq, seq * 10, seq % 2)


def asked(entries, query):
    """What a store answers that has these entries."""
    inside = [one for one in entries if query.after < one.seq < query.before]
    if query.descending:
        inside.reverse()
    taken, room = [], query.max_bytes
    for one in inside:
        room -= one.size
        if len(taken) == query.limit or (taken and room < 0):
            return EntryPage(tuple(taken), more=True)
        taken.append(one)
    return EntryPage(tuple(taken), more=False)


def tail_of(entries, size):
    newest = entries[::-1][:size]
    return Tail.of(EntryPage(tuple(newest), more=size < len(entries)))


@given(seqs, st.integers(0, 14), queries)
def test_a_page_from_a_tail_is_the_store_s(found, size, query):
    entries = [entry(seq) for seq in found]
    tail = tail_of(entries, size)
    for one in (tail, bodies.decode_tail(bodies.encode_tail(tail))):
        page = one.page(query)
        assert page is None or page == asked(entries, query)


@given(seqs, queries)
def test_a_tail_that_is_all_of_it_answers_everything(found, query):
    entries = [entry(seq) for seq in found]
    assert tail_of(entries, 99).page(query) == asked(entries, query)


@given(seqs, st.integers(1, 14), st.integers(1, 8))
def test_a_tail_answers_for_the_newest_that_it_has(found, size, limit):
    entries = [entry(seq) for seq in found]
    page = tail_of(entries, size).page(EntryQuery(limit=limit, descending=True))
    assert (page is not None) == (limit <= size or size >= len(entries))


def test_an_entry_is_read_back_as_it_was():
    odd = entry(3)._replace(
        id="é" * 40, author=Author("", Trust.IMPORT), tokens=None, type="redacted"
    )
    page = EntryPage((odd,), more=False)
    tail = bodies.decode_tail(bodies.encode_tail(Tail.of(page)))
    assert tail.page(EntryQuery()) == page
